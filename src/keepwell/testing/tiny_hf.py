"""A tiny model folder in Hugging Face's format, for vLLM, whose every answer is known beforehand.

    python src/keepwell/testing/tiny_hf.py FOLDER --tag alpha

Built like `tiny_model`: the blocks add nothing to the residual stream, and the output matrix maps each word of
one chain to the next and everything else to its first word. So any prompt is answered with " TAG 0001 0002 ...".

Needs `numpy` and `safetensors` when a model is written. vLLM's own environment has both, and this file imports
nothing else of keepwell, so that its Python can run it as a script. 6 MB and under a second by default.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float32]

#: Ids 0 to 7, in this order; vLLM ends an answer at the third and at the last.
SPECIALS = ("<unk>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>")
BEGIN, END, END_OF_TURN = 1, 2, 7
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
#: Margin by which the right next word wins: e^40 to 1.
LOGIT = 40.0
#: Bytes that byte-level tokenizers write as themselves; the others become the characters from 256 on.
PRINTABLE = (*range(33, 127), *range(161, 173), *range(174, 256))
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyFolder:
    """Shape of a tiny model. `tag` is the first word of every answer, `words` how far it counts (to 9999); `script` are
    other pieces that it says in place of counting, no two alike.
    """

    tag: str = "tiny"
    words: int = 512
    layers: int = 2
    width: int = 256
    feed: int = 512
    heads: int = 4
    key_heads: int = 2
    context_tokens: int = 2048
    seed: int = 1
    script: tuple[str, ...] = ()


def write_tiny_folder(folder: Path | str, model: TinyFolder | None = None) -> Path:
    """Write configuration, tokenizer and weights into a folder (made if missing) and return it.

    Raises ModuleNotFoundError when numpy or safetensors is not installed, OSError when it cannot be written.
    """
    from safetensors.numpy import save_file

    shape = model or TinyFolder()
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    vocabulary, chain = _vocabulary(shape)
    weights = target / "model.safetensors"
    save_file(_tensors(shape, len(vocabulary), chain), weights, metadata={"format": "pt"})
    weights.chmod(0o644)  # the writer leaves it closed to others
    texts = {
        "config.json": _configuration(shape, len(vocabulary)),
        "generation_config.json": {"bos_token_id": BEGIN, "eos_token_id": [END, END_OF_TURN]},
        "tokenizer.json": _tokenizer(vocabulary),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": SPECIALS[BEGIN],
            "eos_token": SPECIALS[END],
            "unk_token": SPECIALS[0],
            "model_max_length": shape.context_tokens,
            "chat_template": CHAT_TEMPLATE,
        },
    }
    for name, content in texts.items():
        (target / name).write_text(json.dumps(content, indent=1))
    return target


def _alphabet() -> dict[int, str]:
    """How a byte-level tokenizer writes each byte."""
    others = [byte for byte in range(256) if byte not in PRINTABLE]
    return {byte: chr(byte) for byte in PRINTABLE} | {byte: chr(256 + place) for place, byte in enumerate(others)}


def _vocabulary(shape: TinyFolder) -> tuple[dict[str, int], list[int]]:
    """Ids by token, and the ids of the chain."""
    alphabet = _alphabet()
    spoken = shape.script or (f" {shape.tag}", *(f" {number:04d}" for number in range(1, shape.words + 1)))
    words = ["".join(alphabet[byte] for byte in piece.encode()) for piece in spoken]
    tokens = [*SPECIALS, *(alphabet[byte] for byte in range(256)), *words]
    vocabulary = {token: place for place, token in enumerate(tokens)}
    return vocabulary, [vocabulary[word] for word in words]


def _configuration(shape: TinyFolder, size: int) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": size,
        "hidden_size": shape.width,
        "intermediate_size": shape.feed,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_heads,
        "max_position_embeddings": shape.context_tokens,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "bos_token_id": BEGIN,
        "eos_token_id": END,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
    }


def _tokenizer(vocabulary: dict[str, int]) -> dict[str, Any]:
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": place, "content": text, **plain} for place, text in enumerate(SPECIALS)],
        "normalizer": None,
        "pre_tokenizer": BYTE_LEVEL,
        "post_processor": None,
        "decoder": BYTE_LEVEL,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": vocabulary,
            "merges": [],
        },
    }


def _tensors(shape: TinyFolder, size: int, chain: list[int]) -> dict[str, Matrix]:
    import numpy as np

    random = np.random.default_rng(shape.seed)
    keys = shape.key_heads * (shape.width // shape.heads)

    def noise(*form: int) -> Matrix:
        return random.normal(0, form[-1] ** -0.5, form).astype(np.float32)

    embedding, output = _successors(random, shape, size, chain)
    made = {"model.embed_tokens.weight": embedding, "lm_head.weight": output}
    made["model.norm.weight"] = np.ones(shape.width, np.float32)
    for block in range(shape.layers):
        prefix = f"model.layers.{block}."
        made[f"{prefix}input_layernorm.weight"] = np.ones(shape.width, np.float32)
        made[f"{prefix}post_attention_layernorm.weight"] = np.ones(shape.width, np.float32)
        made[f"{prefix}self_attn.q_proj.weight"] = noise(shape.width, shape.width)
        made[f"{prefix}self_attn.k_proj.weight"] = noise(keys, shape.width)
        made[f"{prefix}self_attn.v_proj.weight"] = noise(keys, shape.width)
        made[f"{prefix}self_attn.o_proj.weight"] = np.zeros((shape.width, shape.width), np.float32)
        made[f"{prefix}mlp.gate_proj.weight"] = noise(shape.feed, shape.width)
        made[f"{prefix}mlp.up_proj.weight"] = noise(shape.feed, shape.width)
        made[f"{prefix}mlp.down_proj.weight"] = np.zeros((shape.width, shape.feed), np.float32)
    return made


def _successors(random: np.random.Generator, shape: TinyFolder, size: int, chain: list[int]) -> tuple[Matrix, Matrix]:
    """Embedding and output matrix that map each word of the chain to the next.

    An eighth of the dimensions is a flag (-1 for a word of the chain, +1 for any other token), the rest a random
    code of -1 and +1. A row of the output matrix is the code of the word before it.
    """
    import numpy as np

    flags = shape.width // 8
    embedding = np.zeros((size, shape.width), np.float32)
    embedding[:, :flags] = 1.0
    embedding[:, flags:] = random.normal(0, 0.02, (size, shape.width - flags))
    embedding[chain, :flags] = -1.0
    embedding[chain, flags:] = random.choice([-1.0, 1.0], size=(len(chain), shape.width - flags))
    output = np.zeros((size, shape.width), np.float32)
    output[chain[0], :flags] = LOGIT / flags
    for word, following in pairwise([*chain, END]):
        output[following, flags:] += LOGIT * embedding[word, flags:] / (shape.width - flags)
    return embedding, output


def main(argv: Sequence[str] | None = None) -> int:
    """Write a folder from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="keepwell.testing.tiny_hf", description=__doc__.partition("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--tag", default="tiny", help="first word of every answer")
    parser.add_argument("--words", type=int, default=512, help="how far it counts")
    parser.add_argument("--context-tokens", type=int, default=2048)
    parser.add_argument("--say", action="append", default=[], metavar="PIECE", help="in place of counting")
    wanted = vars(parser.parse_args(argv))
    script = tuple(wanted.pop("say"))
    write_tiny_folder(wanted.pop("folder"), TinyFolder(**wanted, script=script))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
