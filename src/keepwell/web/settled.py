"""keepwell.toml as it was read: each value, masked where it could be a secret, and where it comes from. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from keepwell.config.model import Config, Secret
from keepwell.config.schema import SECTIONS
from keepwell.config.sections import Section
from keepwell.config.toml_lines import TomlLines
from keepwell.core.secret import MASK, is_secret_name, mask_text
from keepwell.core.words import clean

#: Characters of a value.
VALUE = 300
#: What is said of a value that nobody wrote.
USUAL = "usual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key: what it is set to, where that is written ("line 12", or "usual"), and what it means."""

    key: str
    value: str
    source: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """One table of the file: its name as it is written there, what it is for, and its keys."""

    name: str
    help: str
    settings: tuple[Setting, ...]


def list_settings(config: Config, text: str) -> list[Settled]:
    """Every table that is in force; `text` is the file, "" where there is none. Tables of which there may be several
    are listed where they are written, others always.
    """
    try:
        document: Mapping[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        document = {}
    lines = TomlLines(text.replace("\r\n", "\n") * bool(document))
    return [one for section in SECTIONS for one in _list_section(section, config, document, lines)]


def _list_section(section: Section, config: Config, document: Mapping[str, Any], lines: TomlLines) -> Iterator[Settled]:
    found = getattr(config, section.field)
    if not section.several:
        settings = _list_keys(section, found, document.get(section.name, {}), (section.name,), lines)
        yield Settled(name=f"[{section.name}]", help=section.help, settings=tuple(settings))
        return
    written = document.get(section.name, [])
    for number, entry in enumerate(found):
        own: Mapping[str, Any] = {}
        if isinstance(written, Sequence) and number < len(written):
            own = written[number]
        settings = _list_keys(section, entry, own, (section.name, number), lines)
        told = tuple(one for one in settings if one.source != USUAL)
        yield Settled(name=f"[[{section.name}]]", help=section.help, settings=told)


def _list_keys(
    section: Section, entry: object, written: Mapping[str, Any], path: tuple[str | int, ...], lines: TomlLines
) -> Iterator[Setting]:
    known = {one.name for one in section.keys}
    for key in section.keys:
        value = getattr(entry, key.field or key.name, written.get(key.name, ""))
        source = USUAL
        if key.name in written:
            source = f"line {lines.line((*path, key.name))}"
        yield Setting(key=key.name, value=show_value(key.name, value), source=source, help=key.help)
    for name in written:
        if name not in known:
            line = lines.line((*path, name))
            yield Setting(key=name, value=show_value(name, written[name]), source=f"line {line}", help="")


def show_value(name: str, value: object) -> str:
    """As text, without what could be a secret: a reference to one says where it lies."""
    if isinstance(value, Secret):
        if value.env:
            return f"from the environment: {value.env}"
        return f"from the file {value.file}"
    if value is None or value in ("", (), {}, []):
        return "–"
    if isinstance(value, bool):
        return {True: "yes", False: "no"}[value]
    if is_secret_name(name) and isinstance(value, str):
        return MASK
    if isinstance(value, Mapping):
        return clean(", ".join(f"{one}: {show_value(str(one), each)}" for one, each in value.items()), VALUE)
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str):
        return clean(", ".join(show_value("", one) for one in value), VALUE)
    if is_dataclass(value):
        rows = ((one.name, getattr(value, one.name)) for one in fields(value))
        return clean(", ".join(f"{one}: {show_value(one, each)}" for one, each in rows), VALUE)
    return clean(mask_text(str(value)), VALUE)
