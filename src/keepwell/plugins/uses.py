"""What is known of how programs and files use an engine: `uses.toml` beside an engine's or a dialect's plug-in.

An engine's file tells by which words, ports, images and commands it is spoken of; a dialect's file tells its client
libraries. All files have one form, every part of it may be left out, and the parts of all files are put together.
Which paths the gateway answers is not written here: that is what the dialects' endpoints say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from keepwell.core.errors import ConfigurationError
from keepwell.plugins.dialect import Use
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.registry import PACKAGE, load_all

#: What a variable holds: where an engine is asked, a setting of the server's own, a key, or a model's name.
Role: TypeAlias = Literal["address", "setting", "key", "model"]
#: What becomes of a use when the gateway stands in the engine's place.
Verdict: TypeAlias = Literal["unchanged", "line", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable of the environment; `name` may hold `*`. `suffix` follows the gateway's address in its value."""

    name: str
    role: Role
    suffix: str = ""
    say: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A line that is written anew where a client names no address: `find` and `put` as in `re.sub`; `{url}`, `{host}`
    and `{port}` in `put` are the gateway's.
    """

    find: str
    put: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A client library.

    `imports` are prefixes of what a file imports, `packages` names in lists of dependencies. `makes` are the functions
    that make a client, `arguments` those that give it the address (the first is written), `first` tells that the first
    argument without a name is the address too, `suffix` is what follows the gateway's address. `local`: without an
    address it asks an engine of this machine, or where `variable` says. `calls` are functions of the module itself and
    the paths that they ask. `inside`: it asks nobody, it runs the model in the program's own process; `say` is why that
    has no equivalent. `models` are prefixes of a model's name that send it to an engine.
    """

    name: str
    language: Literal["python", "javascript", "go", "rust", "jvm"] = "python"
    imports: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    first: bool = False
    suffix: str = ""
    local: bool = False
    variable: str = ""
    calls: dict[str, str] = field(default_factory=dict)
    swaps: tuple[Swap, ...] = ()
    inside: bool = False
    models: tuple[str, ...] = ()
    say: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPath:
    """A path of an API and what becomes of it; `sure` where no other program has such a path."""

    path: str
    verdict: Verdict = "none"
    say: str = ""
    sure: bool = False
    below: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that asks an engine or is one: the program and its first words."""

    program: str
    words: tuple[str, ...]
    verdict: Verdict
    say: str
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """Names of models that only a cloud has; `name` may hold `*`."""

    name: str
    say: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsesFile:
    """One `uses.toml`. `sure_ports` are ports that no other program usually has, `ports` those that others have too;
    `clouds` are hosts that are no engine of one's own, `words` what a text says that speaks of it.
    """

    words: tuple[str, ...] = ()
    sure_ports: tuple[int, ...] = ()
    ports: tuple[int, ...] = ()
    images: tuple[str, ...] = ()
    clouds: tuple[str, ...] = ()
    sure_paths: tuple[str, ...] = ()
    variable: tuple[Variable, ...] = ()
    library: tuple[Library, ...] = ()
    path: tuple[ApiPath, ...] = ()
    command: tuple[Command, ...] = ()
    model: tuple[ModelName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """All that is known: every file put together, the paths of every dialect, and the settings of every engine.

    `signs` are texts in small letters of which a file with any use holds one, `hints` such of which each line with one
    holds one; `bare_words` are the words of engines with paths of a single part (`/health`), which many programs have.
    """

    all: UsesFile
    paths: tuple[ApiPath, ...]
    settings: frozenset[str]
    signs: tuple[str, ...]
    hints: tuple[str, ...]
    bare_words: tuple[str, ...]
    variables: tuple[tuple[re.Pattern[str], Variable], ...]
    path_pattern: re.Pattern[str]
    by_path: dict[str, ApiPath]


#: What becomes of a path of a dialect, by what it is for; the others work.
_ADMIN = (
    "changes one engine, so the gateway asks for a key that may (keepwell key new NAME admin=yes) and the header "
    "x-keepwell-node: NODE; or leave this to the engine's own address"
)


@cache
def load_knowledge() -> Knowledge:
    """Read all files; ConfigurationError with its path for one that does not fit."""
    found = [parse_uses(path.read_bytes(), str(path)) for path in _find_files()]
    whole = {one.name: tuple(item for file in found for item in getattr(file, one.name)) for one in fields(UsesFile)}
    engines = load_engines()
    settings = frozenset(
        setting.name for one in engines.values() for setting in getattr(one, "settings", ()) if setting.name.isupper()
    )
    every = UsesFile(**whole)
    paths = (*every.path, *_list_paths(every))
    parts = {part.lower() for one in every.variable for part in one.name.split("*") if len(part) > 3}
    signs = {*every.words, *parts, *(one.path for one in paths if one.sure)}
    return Knowledge(
        all=every,
        paths=paths,
        settings=settings,
        signs=tuple(sorted(signs)),
        hints=_list_hints(every, paths, signs),
        path_pattern=_make_path_pattern(paths),
        by_path={one.path: one for one in paths},
        bare_words=tuple(word for file in found if _has_bare(file) for word in file.words),
        variables=tuple((_make_pattern(one.name), one) for one in every.variable),
    )


def parse_uses(content: bytes, where: str = "") -> UsesFile:
    """One file as data. Raises ConfigurationError."""
    try:
        return msgspec.toml.decode(content, type=UsesFile)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"how an engine is used cannot be read: {error}", where=where) from error


def _list_hints(every: UsesFile, paths: Iterable[ApiPath], signs: Iterable[str]) -> tuple[str, ...]:
    """Texts of which a line with a use holds one, in small letters."""
    texts = {"://", *signs, *(one.path for one in paths), *every.images}
    texts |= {f":{port}" for port in (*every.ports, *every.sure_ports)}
    texts |= {one.program for one in every.command if one.program != "-m"}
    return tuple(sorted({one.lower() for one in texts}))


def _has_bare(file: UsesFile) -> bool:
    return any(one.path.count("/") == 1 for one in file.path)


def _make_pattern(name: str) -> re.Pattern[str]:
    """A variable's name; a `*` at its beginning stands for whole words."""
    head = "(?:[A-Z0-9]+_)*" * name.startswith("*")
    return re.compile(head + ".*".join(re.escape(part) for part in name.removeprefix("*").split("*")))


def _make_path_pattern(paths: Iterable[ApiPath]) -> re.Pattern[str]:
    """Any of these paths, the longest that fits; such as no other program has also without the slash before it."""
    written = "|".join("/?" * one.sure + _body(one) + _tail(one) for one in sorted(paths, key=_length, reverse=True))
    return re.compile(rf"(?P<path>{written})")


def _body(path: ApiPath) -> str:
    return re.escape(path.path[path.sure :])


def _tail(path: ApiPath) -> str:
    """What may follow: not more of a word; below some paths there are others."""
    if path.path.endswith("/"):
        return r"(?=[\w$}{.:-])"
    if path.below:
        return r"(?![\w-])"
    return r"(?![\w/-]|\.\w)"


def _length(path: ApiPath) -> int:
    return len(path.path)


def _find_files() -> list[Path]:
    return sorted(path for room in ("engines", "dialects") for path in (PACKAGE / room).glob("*/uses.toml"))


def _list_paths(every: UsesFile) -> list[ApiPath]:
    """What the gateway answers, as its dialects say it."""
    rows: dict[str, ApiPath] = {}
    told = {one.path for one in every.path}
    for dialect in load_all("dialects").values():
        for one in getattr(dialect, "endpoints", ()):
            path = one.path.decode("ascii")
            if path == "/" or path in told:
                continue
            verdict, say = _judge(one.use)
            rows[path] = ApiPath(path=path, verdict=verdict, say=say, sure=path in every.sure_paths, below=one.below)
    return list(rows.values())


def _judge(use: Use) -> tuple[Verdict, str]:
    if use == "admin":
        return "none", _ADMIN
    return "unchanged", ""
