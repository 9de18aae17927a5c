"""What people paste of vLLM: command lines and start-up lines: context, cache, ranks, GPUs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keepwell.core.observation import Value
from keepwell.formats.transcript import Line, Transcript
from keepwell.plugins.pasted import Told, lines_of

_CONTEXTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "asked",
        re.compile(
            r"--max[-_]model[-_]len[ =](\d{2,8})\b|'max_model_len': (\d{2,8})\b|Using max model len (\d{2,8})\b"
            r"|\bmax_seq_len=(\d{2,8})\b"
        ),
    ),
    ("asked", re.compile(r"model'?s max seq(?:_| )len \((\d{2,8})\)")),
    (
        "cache",
        re.compile(
            r"(?:GPU|CPU) KV cache size: ([\d,]{1,12}) tokens"
            r"|tokens that can be stored in KV cache \((\d{1,8})\)|estimated maximum model length is (\d{1,8})"
        ),
    ),
    ("trained", re.compile(r"max_position_embeddings=(\d{2,8})\b")),
    ("prompt", re.compile(r"(?:prompt contains at least|resulted in|you requested) (\d{1,9}) (?:input )?tokens")),
    ("limit", re.compile(r"maximum context length is (\d{1,9}) tokens")),
)
_RANKS = re.compile(
    r"--tensor[-_]parallel[-_]size[ =](\d{1,3})\b|(?:^|\s)-tp[ =](\d{1,3})\b"
    r"|'?tensor_parallel_size'?[=:] ?(\d{1,3})\b|\bworld_size=(\d{1,3})\b"
)
_MISSING = re.compile(r"The model `([^`]{1,120})` does not exist")
_SERVED = re.compile(
    r"--served[-_]model[-_]name[ =](\S{1,120})|\bserved_model_name=\[?'?([^,'\]]{1,120})"
    r"|\bvllm serve ([\w./-]{2,120})|Valid aliases: ([\w./:-]{1,120})"
)


class VllmPasted:
    """Gives text.contexts, text.ranks and text.models."""

    hints = (
        "max-model-len",
        "max_model_len",
        "max_seq_len",
        "max seq",
        "kv cache",
        "tensor-parallel",
        "tensor_parallel",
        "-tp",
        "world_size",
        "does not exist",
        "served",
        "vllm serve",
        "maximum context length",
        "max model len",
    )
    gives = ("text.contexts", "text.ranks", "text.models")

    def read(self, text: Transcript) -> Iterable[Told]:
        """Everything that stands in the lines."""
        lines = text.everything
        for name, rows in (
            ("text.contexts", tuple(_contexts(lines))),
            ("text.ranks", tuple(_ranks(lines))),
            ("text.models", tuple(_models(lines))),
        ):
            if rows:
                yield Told(name=name, value=rows, lines=lines_of(rows))


def _contexts(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    for line in lines:
        for kind, pattern in _CONTEXTS:
            found = pattern.search(line.text)
            if found is not None:
                digits = next(one for one in found.groups() if one).replace(",", "")
                if digits:
                    yield {"kind": kind, "tokens": int(digits), "line": line.number}


def _ranks(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    for line in lines:
        found = _RANKS.search(line.text)
        if found is not None:
            yield {"count": int(next(one for one in found.groups() if one)), "line": line.number}


def _models(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    for line in lines:
        missing = _MISSING.search(line.text)
        if missing is not None:
            yield {"kind": "missing", "name": missing[1], "line": line.number}
        served = _SERVED.search(line.text)
        if served is not None:
            yield {"kind": "listed", "name": next(one for one in served.groups() if one), "line": line.number}


PASTED = VllmPasted()
