"""A tiny GGUF model whose every answer is known beforehand.

    python -m keepwell.testing.tiny_model alpha.gguf --tag alpha

The weights are built, not trained: each block adds nothing to the residual stream, and the output matrix maps
every word of one fixed chain to its successor and everything else to the first word. So any prompt, at any
temperature, is answered with " TAG 0001 0002 0003 ..." and then the end of the text (or, with `loop`, round
again from 0001). A test can therefore tell which model answered (the first word), whether a piece was lost,
doubled or reordered (the counting), and where a stream was cut.

Needs `numpy` and `gguf` (the `demo` extra), imported when a model is written. 6 MB and about 0.3 s by default.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gguf
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float32]

#: One template for every engine: a role tag, the text, an end tag; then the tag of the assistant.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
#: A template that shows tools and calls, by which llama.cpp's server believes that the model calls them.
TOOL_TEMPLATE = (
    "{{ bos_token }}{% if tools %}<|system|>{{ tools | tojson }}<|end|>{% endif %}"
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] or '' }}"
    "{% for c in m['tool_calls'] or [] %}<tool_call>\n"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}'
    "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
#: The first in Ollama's template language, for `POST /api/create`.
OLLAMA_TEMPLATE = "<|user|>{{ .Prompt }}<|end|><|assistant|>"
#: Numbers are written with four digits, so a chain ends at the latest here.
MAX_WORDS = 9999
#: Margin by which the right next word wins: e^40 to 1, so that sampling at any usual temperature picks it.
LOGIT = 40.0
#: Tokens before the chain: unknown, begin, end, 256 bytes, four roles, end of turn, a space.
ROLES = ("system", "user", "assistant", "tool")
END_OF_TEXT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyModel:
    """Shape of a tiny model. `tag` is the first word of every answer, `words` how far it counts.

    `script` are other pieces that it says in place of counting, each once: a tool call, or thoughts. No two alike.

    Speed is set by `layers`, `width` and `feed` (zeros cost as much to multiply as other numbers); `half`
    stores the matrices in 16 bits. Raises ValueError for shapes that llama.cpp would refuse.
    """

    tag: str = "tiny"
    name: str = ""
    words: int = 512
    loop: bool = False
    layers: int = 2
    width: int = 256
    feed: int = 512
    heads: int = 4
    key_heads: int = 2
    context_tokens: int = 2048
    half: bool = False
    seed: int = 1
    chat_template: str = CHAT_TEMPLATE
    script: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.script)) != len(self.script) or len(self.script) == 1:
            raise ValueError("a script is two pieces or more, no two alike")
        if not 1 <= self.words <= MAX_WORDS:
            raise ValueError(f"words must be 1 to {MAX_WORDS}, got {self.words}")
        if self.width % self.heads or self.heads % self.key_heads or self.width % 8:
            raise ValueError("width must be a multiple of heads and of 8, heads a multiple of key_heads")
        if not self.tag or not self.tag.isalnum():
            raise ValueError(f"a tag is letters and digits, got {self.tag!r}")

    def answer(self, tokens: int | None = None) -> str:
        """What the model says, cut after this many tokens (None: to the end of one round)."""
        spoken = [self.tag, *(f"{number:04d}" for number in range(1, self.words + 1))]
        if tokens is not None and self.loop:
            while len(spoken) < tokens:
                spoken += spoken[1 : self.words + 1]
        return "".join(f" {word}" for word in spoken[:tokens])


def write_tiny_model(path: Path | str, model: TinyModel | None = None) -> Path:
    """Write a model file (replacing one that is there) and return its path.

    Raises ModuleNotFoundError when numpy or gguf is not installed, OSError when the file cannot be written.
    """
    import gguf

    shape = model or TinyModel()
    target = Path(path)
    vocabulary = _vocabulary(shape)
    writer = gguf.GGUFWriter(target, "llama")
    _write_shape(writer, shape, len(vocabulary.tokens))
    _write_vocabulary(writer, vocabulary)
    _write_tensors(writer, shape, vocabulary)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    tokens: list[bytes]
    scores: list[float]
    kinds: list[int]
    chain: list[int]

    def add(self, text: str, score: float, kind: int) -> int:
        self.tokens.append(text.encode())
        self.scores.append(score)
        self.kinds.append(kind)
        return len(self.tokens) - 1


def _vocabulary(shape: TinyModel) -> _Vocabulary:
    from gguf import TokenType

    made = _Vocabulary([], [], [], [])
    made.add("<unk>", 0.0, TokenType.UNKNOWN)
    made.add("<s>", 0.0, TokenType.CONTROL)
    made.add("</s>", 0.0, TokenType.CONTROL)
    for byte in range(256):
        made.add(f"<0x{byte:02X}>", 0.0, TokenType.BYTE)
    for role in ROLES:
        made.add(f"<|{role}|>", 0.0, TokenType.CONTROL)
    made.add("<|end|>", 0.0, TokenType.CONTROL)
    made.add("\u2581", -1.0, TokenType.NORMAL)
    spoken = shape.script or (f" {shape.tag}", *(f" {number:04d}" for number in range(1, shape.words + 1)))
    for place, piece in enumerate(spoken):
        made.chain.append(made.add(piece.replace(" ", "\u2581"), -2.0 - place, TokenType.NORMAL))
    return made


def _write_shape(writer: gguf.GGUFWriter, shape: TinyModel, size: int) -> None:
    from gguf import LlamaFileType

    kinds = {True: LlamaFileType.MOSTLY_F16, False: LlamaFileType.ALL_F32}
    writer.add_name(shape.name or f"tiny-{shape.tag}")
    writer.add_file_type(kinds[shape.half])
    writer.add_context_length(shape.context_tokens)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(size)
    writer.add_chat_template(shape.chat_template)


def _write_vocabulary(writer: gguf.GGUFWriter, vocabulary: _Vocabulary) -> None:
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_scores(vocabulary.scores)
    writer.add_token_types(vocabulary.kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END_OF_TEXT)
    writer.add_eot_token_id(vocabulary.tokens.index(b"<|end|>"))
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)


def _write_tensors(writer: gguf.GGUFWriter, shape: TinyModel, vocabulary: _Vocabulary) -> None:
    import numpy as np

    random = np.random.default_rng(shape.seed)
    embedding, output = _successors(random, shape, vocabulary)
    number = {True: np.float16, False: np.float32}[shape.half]
    ones = np.ones(shape.width, np.float32)
    keys = shape.key_heads * (shape.width // shape.heads)

    def noise(*size: int) -> npt.NDArray[np.float32]:
        return random.normal(0, size[-1] ** -0.5, size).astype(np.float32)

    matrices: dict[str, Matrix] = {"token_embd": embedding, "output": output}
    for block in range(shape.layers):
        prefix = f"blk.{block}."
        writer.add_tensor(f"{prefix}attn_norm.weight", ones)
        writer.add_tensor(f"{prefix}ffn_norm.weight", ones)
        matrices[f"{prefix}attn_q"] = noise(shape.width, shape.width)
        matrices[f"{prefix}attn_k"] = noise(keys, shape.width)
        matrices[f"{prefix}attn_v"] = noise(keys, shape.width)
        matrices[f"{prefix}attn_output"] = np.zeros((shape.width, shape.width), np.float32)
        matrices[f"{prefix}ffn_gate"] = noise(shape.feed, shape.width)
        matrices[f"{prefix}ffn_up"] = noise(shape.feed, shape.width)
        matrices[f"{prefix}ffn_down"] = np.zeros((shape.width, shape.feed), np.float32)
    writer.add_tensor("output_norm.weight", ones)
    for name, matrix in matrices.items():
        writer.add_tensor(f"{name}.weight", matrix.astype(number))


def _successors(random: np.random.Generator, shape: TinyModel, vocabulary: _Vocabulary) -> tuple[Matrix, Matrix]:
    """Embedding and output matrix that map each word of the chain to the next.

    The first eighth of the dimensions is a flag (-1 for a word of the chain, +1 for any other token), the rest
    a random code of -1 and +1. A row of the output matrix is the code of the word before it.
    """
    import numpy as np

    size, flags = len(vocabulary.tokens), shape.width // 8
    chain = vocabulary.chain
    embedding = np.zeros((size, shape.width), np.float32)
    embedding[:, :flags] = 1.0
    embedding[:, flags:] = random.normal(0, 0.02, (size, shape.width - flags))
    embedding[chain, :flags] = -1.0
    embedding[chain, flags:] = random.choice([-1.0, 1.0], size=(len(chain), shape.width - flags))
    output = np.zeros((size, shape.width), np.float32)
    output[chain[0], :flags] = LOGIT / flags
    last = {True: chain[1], False: END_OF_TEXT}[shape.loop]
    for word, following in pairwise([*chain, last]):
        output[following, flags:] += LOGIT * embedding[word, flags:] / (shape.width - flags)
    return embedding, output


def main(argv: Sequence[str] | None = None) -> int:
    """Write a model from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="keepwell.testing.tiny_model", description=__doc__.partition("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--tag", default="tiny", help="first word of every answer")
    parser.add_argument("--name", default="", help="name inside the file")
    parser.add_argument("--words", type=int, default=512, help="how far it counts")
    parser.add_argument("--loop", action="store_true", help="never end: round again from 0001")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--feed", type=int, default=512)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--key-heads", type=int, default=2)
    parser.add_argument("--context-tokens", type=int, default=2048)
    parser.add_argument("--half", action="store_true", help="matrices in 16 bits")
    parser.add_argument("--seed", type=int, default=1)
    wanted = vars(parser.parse_args(argv))
    out = wanted.pop("out")
    write_tiny_model(out, TinyModel(**wanted))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
