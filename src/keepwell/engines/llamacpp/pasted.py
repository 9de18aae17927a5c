"""What people paste of llama.cpp: start-up lines (contexts, slots, layers), command lines, refusals for length.

Other engines run llama.cpp inside, so that what it writes is told of the machine, not of this engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keepwell.core.observation import Value
from keepwell.formats.transcript import Line, Transcript
from keepwell.plugins.pasted import Told, lines_of

_CONTEXTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("slot", re.compile(r"\bn_ctx_(?:slot|seq|per_seq) *= *(\d{2,8})\b|\bnew slot,? .{0,20}n_ctx = (\d{2,8})\b")),
    (
        "total",
        re.compile(r"(?:llama_context|llama_new_context_with_model|llama_init_from_model): n_ctx +=? *(\d{2,8})\b"),
    ),
    ("trained", re.compile(r"\bn_ctx_(?:train|orig_yarn) *= *(\d{2,8})\b")),
    ("slots", re.compile(r"\b(?:n_slots|n_seq_max|n_parallel|total_slots)\W{1,5}(\d{1,3})\b")),
    ("slots", re.compile(r"(?:^|\s)(?:--parallel|-np)[ =](\d{1,3})\b")),
    ("asked", re.compile(r"(?:^|\s)(?:--ctx-size|-c)[ =](\d{2,8})\b")),
    ("prompt", re.compile(r"request \((\d{1,9}) tokens\) exceeds")),
    ("limit", re.compile(r"exceeds the available context size \((\d{1,9}) tokens\)")),
)
_LAYERS = re.compile(r"offloaded\s+(\d{1,6})/(\d{1,6})\s+layers to GPU")
_WISHED = re.compile(r"(?:^|\s)(?:--n-gpu-layers|--gpu-layers|-ngl)[ =](\d{1,4})\b|\bn_gpu_layers\W{1,4}(\d{1,4})\b")
#: A start finds devices, or has none that it could use.
_FOUND = re.compile(r"ggml_(?:cuda|rocm|hip|vulkan|sycl)_init: found (\d{1,3}) \S{2,8} devices?")
_UNUSED = re.compile(r"no usable GPU found|ggml_cuda_init: (?:failed|no )|no CUDA-capable device is detected")


class LlamacppPasted:
    """Gives text.contexts, text.layers and text.gpus."""

    hints = (
        "n_ctx",
        "n_slots",
        "n_seq_max",
        "ctx-size",
        " -c ",
        "offloaded",
        "n_gpu_layers",
        "-ngl",
        "ggml_",
        "tokens) exceeds",
        "-np",
        "--parallel",
    )
    gives = ("text.contexts", "text.layers", "text.gpus")

    def read(self, text: Transcript) -> Iterable[Told]:
        """Everything that stands in the lines."""
        lines = text.everything
        for name, rows in (
            ("text.contexts", tuple(_contexts(lines))),
            ("text.layers", tuple(_layers(lines))),
            ("text.gpus", tuple(_gpus(lines))),
        ):
            if rows:
                yield Told(name=name, value=rows, lines=lines_of(rows))


def _contexts(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    for line in lines:
        for kind, pattern in _CONTEXTS:
            found = pattern.search(line.text)
            if found is not None:
                yield {"kind": kind, "tokens": int(found[found.lastindex or 1]), "line": line.number}


def _layers(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    asked = -1
    for line in lines:
        wished = _WISHED.search(line.text)
        if wished is not None:
            asked = int(wished[1] or wished[2])
            if asked == 0:
                yield {"layers": 0, "gpu_layers": 0, "asked": 0, "line": line.number}
        found = _LAYERS.search(line.text)
        if found is not None:
            yield {"layers": int(found[2]), "gpu_layers": int(found[1]), "asked": asked, "line": line.number}


def _gpus(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    for line in lines:
        found = _FOUND.search(line.text)
        if found is not None:
            kind = {"0": "none"}.get(found[1], "seen")
            yield {"kind": kind, "by": "engine", "where": "", "count": int(found[1]), "line": line.number}
        elif _UNUSED.search(line.text):
            yield {"kind": "none", "by": "engine", "where": "", "line": line.number}


PASTED = LlamacppPasted()
