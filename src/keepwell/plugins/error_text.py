"""The sentence in an answer that is an error, in whichever of the usual forms an engine wraps it."""

from __future__ import annotations

import msgspec

_decode = msgspec.json.Decoder().decode
#: Keys under which engines and the proxies before them put their sentence, the usual first.
_KEYS = ("error", "message", "detail", "error_msg", "msg")
#: Steps down before the search is given up: `{"error": {"message": ...}}` has two, validators' lists three.
_DEPTH = 4


def parse_error_text(body: bytes) -> str:
    """The first sentence under a usual key; "" where the body has none, or is no JSON."""
    try:
        found = _decode(body)
    except (ValueError, RecursionError):
        return ""
    if isinstance(found, str):
        return ""
    return _find(found, _DEPTH)


def _find(value: object, depth: int) -> str:
    if isinstance(value, str):
        return value.strip()
    if not depth:
        return ""
    inner: list[object] = []
    if isinstance(value, list):
        inner = value[:1]
    elif isinstance(value, dict):
        inner = [value[key] for key in _KEYS if key in value]
    return next((text for text in (_find(one, depth - 1) for one in inner) if text), "")
