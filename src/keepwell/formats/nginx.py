"""nginx's configuration: what each location that hands requests on has in force.

Only what a stream of an engine depends on is read. Directives are inherited from the block outside, as nginx does.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

#: Words and blocks that are read of one configuration; a generated one has some ten thousand words.
WORDS = 200_000
#: Blocks inside blocks; nginx itself allows few, and includes that include themselves must end.
DEPTH = 16
#: nginx's own value where none is written.
READ_TIMEOUT_SECONDS = 60.0

_WORD = re.compile(
    r"""\s+|\#[^\n]*|(?P<word>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[;{}]|[^\s;{}"'#](?:[^\s;{}\\]|\\.)*)"""
)
_INCLUDE = re.compile(r"(?:^|[\s;{}])include\s+([^\s;]+)\s*;")
_COMMENT = re.compile(r"#[^\n]*")
_TIME = re.compile(r"(\d+)(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxiedLocation:
    """A location with a proxy_pass: of which server, to where, with what in force.

    `server` is its first name or "", `upstream` the address with a named upstream replaced by its first server.
    `upgrades`: the Upgrade header is handed on.
    """

    server: str
    location: str
    upstream: str
    buffering: bool
    read_timeout_seconds: float
    http_version: str
    upgrades: bool
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Directive:
    words: tuple[str, ...]
    inner: tuple[_Directive, ...] | None
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """What holds in a block."""

    server: str = ""
    location: str = ""
    buffering: bool = True
    timeout: float = READ_TIMEOUT_SECONDS
    version: str = "1.0"
    upgrades: bool = False
    upstreams: Mapping[str, str] = field(default_factory=dict)


def parse_nginx(path: str, files: Mapping[str, str]) -> tuple[ProxiedLocation, ...]:
    """All proxied locations of the configuration that begins in `path`; `files` are texts by path.

    Never raises: what cannot be read as nginx's language is left out.
    """
    tree = tuple(_directives(path, files, 0))
    http = [one for one in tree if one.words[0] == "http" and one.inner is not None]
    roots = [inner for one in http for inner in one.inner or ()] or list(tree)
    upstreams = {one.words[1]: _first_server(one) for one in roots if one.words[0] == "upstream" and len(one.words) > 1}
    return tuple(_walk(roots, _Scope(upstreams=upstreams)))


def find_includes(text: str, folder: str) -> tuple[str, ...]:
    """Paths and patterns that a text includes; relative ones lie in `folder`."""
    found = (match.strip("\"'") for match in _INCLUDE.findall(_COMMENT.sub("", text)))
    return tuple(one * one.startswith("/") or f"{folder}/{one}" for one in found)


def parse_time(text: str) -> float | None:
    """Seconds of a time as nginx writes it (`300`, `300s`, `5m`, `1h30m`), None if it is none."""
    whole = _TIME.findall(text)
    if not whole or "".join(number + unit for number, unit in whole) != text:
        return None
    return sum(int(number) * _SECONDS[unit] for number, unit in whole)


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Words with their line; signs stand alone, quotes are taken off."""
    line, place = 1, 0
    for _ in range(WORDS):
        found = _WORD.match(text, place)
        if found is None:
            if place >= len(text):
                return
            place += 1
            continue
        word = found["word"]
        if word:
            quoted = word[0] in "\"'" and len(word) > 1
            yield (word, word[1:-1])[quoted], line
        line += found[0].count("\n")
        place = found.end()


def _directives(path: str, files: Mapping[str, str], depth: int) -> Iterator[_Directive]:
    if depth > DEPTH or path not in files:
        return
    words = list(_words(files[path]))
    found, _ = _block(words, 0, path, files, depth)
    yield from found


def _block(
    words: Sequence[tuple[str, int]], place: int, path: str, files: Mapping[str, str], depth: int
) -> tuple[list[_Directive], int]:
    """The directives up to the end of a block, and the place after it."""
    found: list[_Directive] = []
    current: list[str] = []
    line = 0
    while place < len(words):
        word, at = words[place]
        place += 1
        if word == "}":
            break
        if word == ";":
            found += _simple(current, path, line, files, depth)
            current = []
        elif word == "{":
            inner: list[_Directive] = []
            if depth <= DEPTH:
                inner, place = _block(words, place, path, files, depth + 1)
            if current:
                found.append(_Directive(words=tuple(current), inner=tuple(inner), file=path, line=line))
            current = []
        else:
            line = line * bool(current) or at
            current.append(word)
    return found, place


def _simple(words: Sequence[str], path: str, line: int, files: Mapping[str, str], depth: int) -> Iterator[_Directive]:
    if not words:
        return
    if words[0] != "include" or len(words) < 2:
        yield _Directive(words=tuple(words), inner=None, file=path, line=line)
        return
    root = next(iter(files)).rpartition("/")[0]
    pattern = words[1] * words[1].startswith("/") or f"{root}/{words[1]}"
    for name in sorted(files):
        if name != path and fnmatch.fnmatchcase(name, pattern):
            yield from _directives(name, files, depth + 1)


def _first_server(upstream: _Directive) -> str:
    servers = [one.words[1] for one in upstream.inner or () if one.words[0] == "server" and len(one.words) > 1]
    return next(iter(servers), "")


def _walk(directives: Sequence[_Directive], outer: _Scope) -> Iterator[ProxiedLocation]:
    scope = _in_force(directives, outer)
    for one in directives:
        if one.words[0] == "proxy_pass" and len(one.words) > 1:
            yield ProxiedLocation(
                server=scope.server,
                location=scope.location,
                upstream=_resolve(one.words[1], scope.upstreams),
                buffering=scope.buffering,
                read_timeout_seconds=scope.timeout,
                http_version=scope.version,
                upgrades=scope.upgrades,
                file=one.file,
                line=one.line,
            )
        if one.inner is not None and one.words[0] in ("server", "location", "if", "limit_except"):
            inside = scope
            if one.words[0] == "location":
                inside = replace(scope, location=" ".join(one.words[1:]))
            yield from _walk(one.inner, inside)


def _in_force(directives: Sequence[_Directive], scope: _Scope) -> _Scope:
    headers = [one.words for one in directives if one.words[0] == "proxy_set_header"]
    if headers:  # nginx inherits these only where a block has none of its own
        scope = replace(scope, upgrades=any(len(words) > 1 and words[1].lower() == "upgrade" for words in headers))
    for one in directives:
        value = "".join(one.words[1:2])
        if one.words[0] == "proxy_buffering":
            scope = replace(scope, buffering=value != "off")
        elif one.words[0] == "proxy_read_timeout":
            scope = replace(scope, timeout=parse_time(value) or scope.timeout)
        elif one.words[0] == "proxy_http_version":
            scope = replace(scope, version=value)
        elif one.words[0] == "server_name" and value:
            scope = replace(scope, server=value)
    return scope


def _resolve(url: str, upstreams: Mapping[str, str]) -> str:
    scheme, _, rest = url.partition("://")
    name, slash, path = rest.partition("/")
    return f"{scheme}://{upstreams.get(name, name)}{slash}{path}"
