"""Takes a log line out of its JSON: Docker's json-file, the journal's JSON, structured logs, error bodies.

Two steps, for speed. `resolve_escapes` rewrites a block where escapes hide text (`\\u003c`, a message as a list
of bytes); afterwards every word of a message can be found in the block. `unwrap_line` takes one line out of
its wrapper; only lines that are looked at need that. Escaped quotes are plain quotes by then, other short
escapes (`\\n`, `\\t`) stay as they are written.
"""

from __future__ import annotations

import json
import re

#: Wrappers in wrappers that are followed (a structured log in Docker's json-file is two).
DEPTH = 3

_ESCAPE = re.compile(rb"\\u([0-9a-fA-F]{4})")
_BYTES = re.compile(rb'"MESSAGE":(\[[0-9, ]*\])')
# Docker's json-file: {"log":"TEXT\n","stream":"stderr","time":"..."}
_CONTAINER = re.compile(
    rb'^\{"log": ?"(.*)", ?"stream": ?"[a-z]+",(?:"attrs":\{.*\},)? ?"time": ?"[^"]*"\}$'
    rb'|^\{"log": ?"(.*)", ?"time": ?"[^"]*"\}$'
)
# journalctl -o json: keys in capitals, in any order.
_JOURNAL = re.compile(rb'"MESSAGE":"(.*?)"(?:,"_*[A-Z][A-Z0-9_]*":|\}$)')


def resolve_escapes(data: bytes) -> bytes:
    """Lines in which every word of a message stands as it was said; as many lines as before."""
    if b"\\u" in data:
        data = _ESCAPE.sub(_character, data)
    if b'"MESSAGE":[' in data:
        data = _BYTES.sub(_message, data)
    data = data.replace(b'\\"', b'"')
    if b'\\\\"' in data:  # a quote in a text in a text
        data = data.replace(b'\\\\"', b'"')
    return data


def unwrap_line(line: bytes, depth: int = DEPTH) -> bytes:
    """The message of a JSON log line; any other line as it stands."""
    if not line.startswith(b"{"):
        return line
    found = _CONTAINER.match(line)
    if found is None and b'"__CURSOR":"' in line:
        found = _JOURNAL.search(line)
    if found is None:
        return line
    text = found.group(1)
    if text is None:
        text = found.group(2)
    text = text.removesuffix(b"\\n").removesuffix(b"\\r")
    if depth > 1:
        return unwrap_line(text, depth - 1)
    return text


def unwrap_lines(data: bytes) -> bytes:
    """All lines of a part, unwrapped."""
    if data.startswith(b"{") or b"\n{" in data:
        return b"\n".join(unwrap_line(line) for line in data.split(b"\n"))
    return data


def _character(found: re.Match[bytes]) -> bytes:
    """The character that is meant; a line end must not cut the line in two."""
    code = int(found.group(1), 16)
    if code < 32 and code != 27:
        return b" "
    return chr(code).encode("utf-8", "replace")


def _message(found: re.Match[bytes]) -> bytes:
    """The journal gives a message that holds control characters as a list of bytes."""
    numbers: list[int] = json.loads(found.group(1))
    text = bytes(number for number in numbers if number < 256 and number != 0)
    return b'"MESSAGE":"' + text.replace(b"\n", b" ").replace(b"\r", b" ") + b'"'
