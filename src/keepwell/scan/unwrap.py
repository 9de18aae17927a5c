"""Takes a log line out of its JSON: Docker's json-file, the journal's JSON, structured logs, error bodies.

Only lines that are looked at are unwrapped: JSON escapes none of the characters of which leads are made (see
`signature`), so that those are found in the line as it was written. Two things hide them: a message that the
journal gives as a list of bytes, which `resolve_journal` writes out in a whole block, and colours in JSON
(`HIDING`), which are rare enough to look at each such line.
"""

from __future__ import annotations

import json
import re

from keepwell.scan.colour import strip_colours

#: Wrappers in wrappers that are followed (a structured log in Docker's json-file is two).
DEPTH = 3
#: An escape character in JSON: where one stands, a colour may cut a text in two.
HIDING = b"\\u001b"
#: Bytes of a block in which a journal's first entry shows its cursor.
LOOK_BYTES = 8 * 1024

_ESCAPE = re.compile(rb"\\u([0-9a-fA-F]{4})")
_BYTES = re.compile(rb'"MESSAGE":(\[[0-9, ]*\])')
# Docker's json-file: {"log":"TEXT\n","stream":"stderr","time":"..."}
_CONTAINER = re.compile(
    rb'^\{"log": ?"(.*)", ?"stream": ?"[a-z]+",(?:"attrs":\{.*\},)? ?"time": ?"[^"]*"\}$'
    rb'|^\{"log": ?"(.*)", ?"time": ?"[^"]*"\}$'
)
# journalctl -o json: keys in capitals, in any order.
_JOURNAL = re.compile(rb'"MESSAGE":"(.*?)"(?:,"_*[A-Z][A-Z0-9_]*":|\}$)')


def resolve_journal(data: bytes) -> bytes:
    """The block with messages that the journal's JSON gives as lists of bytes as text; as many lines as before."""
    if data.startswith(b'{"') and b'"__CURSOR":"' in data[:LOOK_BYTES]:  # its keys come in any order
        return _BYTES.sub(_message, data)
    return data


def unwrap_line(line: bytes) -> bytes:
    """The line as it was said: out of its JSON, escaped quotes and characters plain, without colours.

    Other short escapes (`\\n`, `\\t`) stay as they are written.
    """
    if b"\\" in line:
        line = _ESCAPE.sub(_character, line).replace(b'\\"', b'"')
    return strip_colours(_unwrap(line, DEPTH))


def _unwrap(line: bytes, depth: int) -> bytes:
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
    text = text.removesuffix(b"\\n").removesuffix(b"\\r").replace(b'\\\\"', b'"')
    if depth > 1:
        return _unwrap(text, depth - 1)
    return text


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
