"""How vLLM splits a model, by its command line."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.formats.number import find_whole
from keepwell.plugins.parallel import Ranks


def find_ranks(flags: Mapping[str, str]) -> Ranks:
    """From the flags by their long names."""
    sizes = [_size(flags.get(f"--{name}-parallel-size", "")) for name in ("tensor", "pipeline", "data")]
    return Ranks(
        tensor=sizes[0],
        pipeline=sizes[1],
        data=sizes[2],
        executor=flags.get("--distributed-executor-backend", ""),
    )


def _size(text: str) -> int:
    return find_whole(text) or 1
