"""Takes a log line out of its JSON: Docker's json-file, the journal's JSON, structured logs, error bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

#: Wrappers in wrappers that are followed (a structured log in Docker's json-file is two).
DEPTH = 3
#: A JSON document that wraps a log line: the key of its text, and one key that proves the format.
WRAPPERS: tuple[tuple[str, str], ...] = (("log", "stream"), ("log", "time"), ("MESSAGE", "__CURSOR"))
_ESCAPE = re.compile(rb"\\(u[0-9a-fA-F]{4}|[\"\\/bfnrt])")
_PLAIN: Mapping[bytes, bytes] = {
    b'"': b'"',
    b"\\": b"\\",
    b"/": b"/",
    b"b": b" ",
    b"f": b" ",
    b"n": b" ",
    b"r": b" ",
    b"t": b"\t",
}


# Docker's json-file as it writes it; anything a little different goes through the JSON reader.
_CONTAINER = re.compile(
    rb'^\{"log":"([^"\\\x00-\x1f]*(?:\\[^u\n][^"\\\x00-\x1f]*)*)","stream":"\w+",(?:"attrs":\{[^{}\n]*\},)?"time":"[^"\\\n]*"\}$',
    re.MULTILINE,
)


def unwrap_container(data: bytes) -> bytes:
    """A block with the lines of Docker's json-file replaced by their text; some 200 MB/s."""
    return _CONTAINER.sub(_plain_text, data)


def unwrap_json(line: bytes, depth: int = DEPTH) -> bytes:
    """The text of a JSON log line, as one line; any other document as it stands, its escapes resolved."""
    text = _wrapped(line)
    if text is None:
        return _ESCAPE.sub(_resolve, line)
    flat = text.rstrip(b"\r\n").replace(b"\r\n", b" ").replace(b"\n", b" ").replace(b"\r", b" ").replace(b"\0", b"")
    if flat.startswith(b"{") and depth > 1:
        return unwrap_json(flat, depth - 1)
    return flat


def _wrapped(line: bytes) -> bytes | None:
    if b'"log"' not in line and b'"MESSAGE"' not in line:
        return None
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    for key, proof in WRAPPERS:
        if key in document and proof in document:
            return _text_of(document[key])
    return None


def _text_of(value: Any) -> bytes | None:
    """The journal gives text that holds control characters as a list of bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, list) and all(isinstance(one, int) and 0 <= one < 256 for one in value):
        return bytes(value)
    return None


def _plain_text(found: re.Match[bytes]) -> bytes:
    text = found.group(1).removesuffix(b"\\n")
    if b"\\" in text:
        return _ESCAPE.sub(_resolve, found.group(1)).rstrip(b" ")
    return text


def _resolve(found: re.Match[bytes]) -> bytes:
    word = found.group(1)
    if len(word) == 1:
        return _PLAIN[word]
    code = int(word[1:], 16)
    if code < 32 and code != 27:
        return b" "
    return chr(code).encode("utf-8", "replace")
