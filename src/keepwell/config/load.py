"""Find, read and check keepwell.toml; every mistake is named at once, with its line and the nearest valid word."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keepwell.config.gateway_rules import find_disagreements
from keepwell.config.home import find_home
from keepwell.config.model import Config
from keepwell.config.schema import SECTIONS
from keepwell.config.sections import Key, Section
from keepwell.config.toml_lines import KeyPath, TomlLines
from keepwell.core.errors import ConfigurationError

FILE_NAME = "keepwell.toml"
#: Bytes of the file; a few dozen nodes take some ten thousand.
CONFIG_BYTES = 1024 * 1024
#: Mistakes that are listed; more than these help nobody.
PROBLEMS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake: where (`line` from 1, `key` such as `engine[0].kind`), what is wrong, what was expected.

    `nearest` is the valid word that looks most like the one that was written, or "".
    """

    line: int
    key: str
    what: str
    expected: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        parts = [f"{self.key}: {self.what}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.nearest:
            parts.append(f"did you mean {self.nearest!r}?")
        return "; ".join(parts)


class InvalidConfig(ConfigurationError):
    """The file has mistakes; `problems` are all of them, in the order of their lines."""

    def __init__(self, path: Path, problems: Collection[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_line))
        lines = [f"{path}:{one.line}: {one}" for one in self.problems[:PROBLEMS]]
        if len(self.problems) > PROBLEMS:
            lines.append(f"and {len(self.problems) - PROBLEMS} more")
        super().__init__("\n".join(lines))


def load_config(
    path: Path | None,
    *,
    known_engines: Collection[str],
    known_services: Collection[str] = (),
    known_policies: Collection[str] = (),
    local_name: str = "",
) -> Config:
    """The configuration in `path`, else in the first of the usual places; an empty one when there is no file.

    `known_engines`, `known_services` and `known_policies` name plug-ins (any policy is taken where none is known);
    `local_name` is this machine's name, which an engine may be declared on without a node entry. Raises InvalidConfig
    with all mistakes, ConfigurationError when a file that was asked for cannot be read.
    """
    found = path or find_config()
    if found is None:
        return Config()
    try:
        with found.open("rb") as file:
            if path is None:
                _require_trusted(found, os.fstat(file.fileno()))
            content = file.read(CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", where=str(found)) from error
    kinds = {"kind": set(known_engines), "service": set(known_services)}
    if known_policies:
        kinds["policy"] = set(known_policies)
    return parse_config(content, path=found, kinds=kinds, local_name=local_name)


def find_config() -> Path | None:
    """The first keepwell.toml of: the current folder, the user's configuration folder, /etc/keepwell."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or find_home() / ".config")
    for folder in (Path(), home / "keepwell", Path("/etc/keepwell")):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def parse_config(content: bytes, *, path: Path, kinds: Mapping[str, set[str]], local_name: str = "") -> Config:
    """The configuration in these bytes; `path` is only named in errors, `kinds` are the words that its choices
    allow. Raises InvalidConfig.
    """
    if len(content) > CONFIG_BYTES:
        raise InvalidConfig(path, [Problem(line=1, key="file", what=f"more than {CONFIG_BYTES} bytes")])
    try:
        text = content.decode("utf-8")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidConfig(path, [Problem(line=line, key="file", what="not UTF-8")]) from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfig(path, [_syntax_problem(str(error), text)]) from None
    reader = _Reader(TomlLines(text.replace("\r\n", "\n")))
    config = reader.read(document, dict(kinds), local_name)
    if reader.problems:
        raise InvalidConfig(path, reader.problems)
    return replace(config, path=path)


def _require_trusted(path: Path, found: os.stat_result) -> None:
    """A file that was not asked for holds commands: in a folder like /tmp anybody could have put it there."""
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o002:
        raise ConfigurationError(
            f"belongs to user {found.st_uid} with mode {found.st_mode & 0o777:04o}, so others can change it",
            where=str(path),
            hint=f"if it is yours, name it: --config {path}",
        )


class _Reader:
    """Turns a document into a Config and collects what is wrong on the way."""

    def __init__(self, lines: TomlLines) -> None:
        self.problems: list[Problem] = []
        self._lines = lines

    def read(self, document: Mapping[str, object], choices: dict[str, set[str]], local_name: str) -> Config:
        """The configuration, incomplete where problems were found."""
        sections = {one.name: one for one in SECTIONS}
        for name in document:
            if name not in sections:
                self._add((name,), "unknown section", nearest=_nearest(name, sections))
        nodes = self._several(sections["node"], document, choices)
        names = {str(one["name"]) for one in nodes if "name" in one}
        choices = {**choices, "node": names | {local_name} - {""}}
        tables = {"node": nodes}
        for name, section in sections.items():
            if section.several and name != "node":
                tables[name] = self._several(section, document, choices)
            elif not section.several:
                tables[name] = [self._one(section, document.get(name, {}), (name,), choices)]
            self._distinct(section, tables[name])
        for one in find_disagreements(tables):
            self._add(one.path, one.what, expected=one.expected)
        if self.problems:
            return Config()
        made: dict[str, Any] = {}
        for name, section in sections.items():
            made[section.field] = tuple(section.entry(**one) for one in tables[name])
            if not section.several:
                (made[section.field],) = made[section.field]
        return Config(**made)

    def _several(
        self, section: Section, document: Mapping[str, object], choices: dict[str, set[str]]
    ) -> list[dict[str, Any]]:
        entries = document.get(section.name, [])
        if not isinstance(entries, list):
            self._add((section.name,), "one table", expected=f"a list of tables, each begun by [[{section.name}]]")
            return []
        return [self._one(section, one, (section.name, index), choices) for index, one in enumerate(entries)]

    def _one(self, section: Section, table: object, path: KeyPath, choices: dict[str, set[str]]) -> dict[str, Any]:
        """The checked values of one table, by field name."""
        if not isinstance(table, dict):
            self._add(path, _kind(table), expected=f"a table, begun by [{section.name}]")
            return {}
        keys = {one.name: one for one in section.keys}
        for name in table:
            if name not in keys:
                self._add(
                    (*path, name), "unknown key", expected=f"one of {', '.join(keys)}", nearest=_nearest(name, keys)
                )
        values: dict[str, Any] = {}
        for key in section.keys:
            if key.name in table:
                self._value(key, table[key.name], (*path, key.name), values, choices)
            elif key.required:
                self._add((*path, key.name), "missing", expected=key.help)
        return values

    def _value(
        self, key: Key, value: object, path: KeyPath, values: dict[str, Any], choices: dict[str, set[str]]
    ) -> None:
        try:
            found = key.shape(value)
        except ValueError as error:
            self._add(path, _kind(value), expected=str(error))
            return
        for word in self._unknown(key, found, choices):
            words = sorted(choices[key.choice])
            expected = f"one of {', '.join(words)}"
            if not words:
                expected = "a name from a [[node]] entry"
            self._add(path, f"{word!r} is not known", expected=expected, nearest=_nearest(str(word), words))
            return
        values[key.field or key.name] = found

    def _unknown(self, key: Key, found: object, choices: dict[str, set[str]]) -> list[object]:
        """What of a value is none of the words that the caller gave, if it gave any."""
        if not key.choice or key.choice not in choices:
            return []
        items: tuple[object, ...] = (found,)
        if isinstance(found, tuple):
            items = found
        return [one for one in items if one not in choices[key.choice]]

    def _distinct(self, section: Section, entries: list[dict[str, Any]]) -> None:
        """Two entries that say the same thing are a mistake of copying."""
        if not section.distinct:
            return
        first: dict[tuple[str, ...], int] = {}
        for index, one in enumerate(entries):
            said = tuple(str(one.get(key, "")) for key in section.distinct)
            if not said[-1]:
                continue
            if said in first:
                line = self._lines.line((section.name, first[said]))
                path = (section.name, index, section.distinct[-1])
                self._add(path, f"{said[-1]!r} is declared already in line {line}")
            first.setdefault(said, index)

    def _add(self, path: KeyPath, what: str, *, expected: str = "", nearest: str = "") -> None:
        line = self._lines.line(path)
        self.problems.append(Problem(line=line, key=_render_path(path), what=what, expected=expected, nearest=nearest))


def _syntax_problem(said: str, text: str) -> Problem:
    """tomllib's message, with its line taken out of it; "end of document" is the last line."""
    found = re.search(r"\(at line (\d+), column \d+\)", said)
    line = text.count("\n") + 1
    if found:
        line = int(found[1])
    return Problem(line=line, key="TOML", what=re.sub(r" \(at .*\)$", "", said))


def _kind(value: object) -> str:
    """What was written, without its value: it may be a secret."""
    names: dict[type, str] = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return f"{names.get(type(value), 'a table')} that does not fit"


def _nearest(word: str, words: Collection[str]) -> str:
    found = difflib.get_close_matches(word, sorted(words), n=1, cutoff=0.5)
    return "".join(found)


def _render_path(path: KeyPath) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}"
    return text.lstrip(".")


def _line(problem: Problem) -> int:
    return problem.line
