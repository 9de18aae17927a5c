"""logfmt lines (`time=... level=INFO msg="some text" key=value`), as Go's slog writes them."""

from __future__ import annotations

import re

#: key=value or key="quoted"; a key holds letters, digits and the marks that slog groups are joined with.
_PAIR = re.compile(r'(?:^|\s)([A-Za-z_!][\w.!-]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))')
_ESCAPED = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))")
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def parse_logfmt(line: str) -> dict[str, str]:
    """The pairs of a line, quoted values unquoted, the first of two equal keys. {} for a line of another kind."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PAIR.findall(line):
        found.setdefault(name, unquote(quoted) or plain)
    return found


def unquote(text: str) -> str:
    r"""The text of a Go string literal without its quotes: `\"`, `\\`, `\n`, `\x1b`, `\u2028` undone."""
    if "\\" not in text:
        return text
    return _ESCAPED.sub(_unescape, text)


def _unescape(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    if code:
        return chr(int(code, 16))
    return _SIMPLE.get(found[3], found[3])
