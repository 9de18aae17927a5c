"""Find, read and check keepwell.toml; every mistake is named at once, with its line and the nearest valid word."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keepwell.config.desired_reading import (
    DESIRED,
    Wishes,
    find_desired_disagreements,
    no_wishes,
    read_desired,
)
from keepwell.config.gateway_rules import find_disagreements
from keepwell.config.home import find_home
from keepwell.config.model import Config
from keepwell.config.objective_schema import find_objective_disagreements
from keepwell.config.problems import InvalidConfig, Problem, Problems, find_nearest
from keepwell.config.schema import SECTIONS
from keepwell.config.table_reading import TableReader
from keepwell.config.toml_lines import TomlLines
from keepwell.config.window_schema import find_window_disagreements
from keepwell.core.errors import ConfigurationError

FILE_NAME = "keepwell.toml"
#: Bytes of the file; a few dozen nodes take some ten thousand.
CONFIG_BYTES = 1024 * 1024


def load_config(
    path: Path | None,
    *,
    known_engines: Collection[str],
    known_services: Collection[str] = (),
    known_policies: Collection[str] = (),
    known_sinks: Collection[str] = (),
    local_name: str = "",
    wishes: Wishes = no_wishes,
) -> Config:
    """The configuration in `path`, else in the first of the usual places; an empty one when there is no file.

    `known_engines`, `known_services`, `known_policies` and `known_sinks` name plug-ins (any policy and any sink is
    taken where none is known); `local_name` is this machine's name, which an engine may be declared on without a node
    entry; `wishes` tells what may stand below [[desired]], and is called only for a file that has some. Raises
    InvalidConfig with all mistakes, ConfigurationError when a file that was asked for cannot be read.
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
    if known_sinks:
        kinds["sink"] = set(known_sinks)
    return parse_config(content, path=found, kinds=kinds, local_name=local_name, wishes=wishes)


def find_config() -> Path | None:
    """The first keepwell.toml of: the current folder, the user's configuration folder, /etc/keepwell."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or find_home() / ".config")
    for folder in (Path(), home / "keepwell", Path("/etc/keepwell")):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def parse_config(
    content: bytes, *, path: Path, kinds: Mapping[str, set[str]], local_name: str = "", wishes: Wishes = no_wishes
) -> Config:
    """The configuration in these bytes; `path` is only named in errors, `kinds` are the words that its choices
    allow, `wishes` what may stand below [[desired]]. Raises InvalidConfig.
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
    problems = Problems(TomlLines(text.replace("\r\n", "\n")))
    config = _read(document, problems, kinds, _Known(local_name=local_name, wishes=wishes))
    if problems.found:
        raise InvalidConfig(path, problems.found)
    return replace(config, path=path)


def _require_trusted(path: Path, found: os.stat_result) -> None:
    """A file that was not asked for holds commands: in a folder like /tmp anybody could have put it there."""
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o002:
        raise ConfigurationError(
            f"belongs to user {found.st_uid} with mode {found.st_mode & 0o777:04o}, so others can change it",
            where=str(path),
            hint=f"if it is yours, name it: --config {path}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the caller knows beside words: this machine's name, and what may be wished."""

    local_name: str
    wishes: Wishes


def _read(document: Mapping[str, object], problems: Problems, choices: Mapping[str, set[str]], known: _Known) -> Config:
    """The configuration, incomplete where problems were found."""
    sections = {one.name: one for one in SECTIONS}
    for name in document:
        if name not in sections:
            problems.add((name,), "unknown section", nearest=find_nearest(name, sections))
    nodes = TableReader(problems, choices).several(sections["node"], document.get("node", []), ("node",))
    names = {str(one["name"]) for one in nodes if "name" in one}
    tags = {str(tag) for one in nodes for tag in one.get("tags", ())}
    reader = TableReader(problems, {**choices, "node": names | {known.local_name} - {""}, "tag": tags})
    tables = {"node": nodes}
    for name, section in sections.items():
        if name == DESIRED:
            tables[name] = read_desired(section, document.get(name, []), reader, known.wishes)
        elif section.several and name != "node":
            tables[name] = reader.several(section, document.get(name, []), (name,))
        elif not section.several:
            tables[name] = [reader.one(section, document.get(name, {}), (name,))]
        reader.distinct(section, tables[name])
    finders = (find_disagreements, find_objective_disagreements, find_desired_disagreements, find_window_disagreements)
    for one in (one for find in finders for one in find(tables)):
        problems.add(one.path, one.what, expected=one.expected)
    if problems.found:
        return Config()
    made: dict[str, Any] = {}
    for name, section in sections.items():
        made[section.field] = tuple(section.entry(**one) for one in tables[name])
        if not section.several:
            (made[section.field],) = made[section.field]
    return Config(**made)


def _syntax_problem(said: str, text: str) -> Problem:
    """tomllib's message, with its line taken out of it; "end of document" is the last line."""
    found = re.search(r"\(at line (\d+), column \d+\)", said)
    line = text.count("\n") + 1
    if found:
        line = int(found[1])
    return Problem(line=line, key="TOML", what=re.sub(r" \(at .*\)$", "", said))
