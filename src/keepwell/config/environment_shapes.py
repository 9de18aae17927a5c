"""What values of tables about environment files and units may look like; see `shapes`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from keepwell.config.shapes import LIST_ITEMS, Toml, text, texts
from keepwell.config.wish_shapes import scalar

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
_SECTION = re.compile(r"[A-Z][A-Za-z]{1,31}")
_DIRECTIVE = re.compile(r"[A-Z][A-Za-z0-9]{1,63}")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,200}\.(?:service|socket|timer|path|mount|slice|target)")
#: Where an entry's name has that of a model.
HOLE = "{name}"


def variable(value: Toml) -> str:
    """The name of a variable."""
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise ValueError('the name of a variable, like "SERVER_HOST"')
    return value


def variables(value: Toml) -> tuple[str, ...]:
    """A list of names of variables."""
    return tuple(variable(one) for one in texts(value))


def assignments(value: Toml) -> Mapping[str, str]:
    """Variables with their values; numbers and true or false are taken as they are written."""
    if not isinstance(value, dict) or len(value) > LIST_ITEMS:
        raise ValueError('variables with values, like {NAME = "value"}')
    return {variable(name): scalar(one) for name, one in value.items()}


def renames(value: Toml) -> Mapping[str, str]:
    """Names of variables, each with its new name."""
    if not isinstance(value, dict) or len(value) > LIST_ITEMS:
        raise ValueError('names with new names, like {OLD = "NEW"}')
    return {variable(old): variable(new) for old, new in value.items()}


def pattern(value: Toml) -> str:
    """The name of a variable with {name} where a model's name stands."""
    found = text(value)
    if found.count(HOLE) != 1 or not _VARIABLE.fullmatch(found.replace(HOLE, "x")):
        raise ValueError('a variable with {name} in its name, like "MODEL_{name}_PATH"')
    return found


def separator(value: Toml) -> str:
    """One character between the items of a list; it may be a blank."""
    if not isinstance(value, str) or len(value) != 1 or value.isalnum() or not value.isprintable():
        raise ValueError('one character, like "," or " "')
    return value


def unit(value: Toml) -> str:
    """The name of a unit of systemd with its kind."""
    if not isinstance(value, str) or not _UNIT.fullmatch(value):
        raise ValueError('the name of a unit, like "server.service"')
    return value


def sections(value: Toml) -> Mapping[str, Mapping[str, tuple[str, ...] | Mapping[str, str]]]:
    """Sections of a unit: directives with a value, several values, or variables (Environment)."""
    expected = 'sections of directives, like {Service = {LimitNOFILE = 65536, Environment = {NAME = "value"}}}'
    if not isinstance(value, dict) or not value:
        raise ValueError(expected)
    found: dict[str, Mapping[str, tuple[str, ...] | Mapping[str, str]]] = {}
    for section, directives in value.items():
        if not _SECTION.fullmatch(section) or not isinstance(directives, dict) or len(directives) > LIST_ITEMS:
            raise ValueError(expected)
        found[section] = {_directive(name): _directed(one) for name, one in directives.items()}
    return found


def _directive(name: str) -> str:
    if not _DIRECTIVE.fullmatch(name):
        raise ValueError("directives as systemd names them, like LimitNOFILE")
    return name


def _directed(value: Toml) -> tuple[str, ...] | Mapping[str, str]:
    """Everything as systemd takes it: true is yes; a value that ends in a backslash would eat the next line."""
    if isinstance(value, dict):
        return assignments(value)
    values = (value,)
    if isinstance(value, list):
        values = tuple(value)
    if not values or len(values) > LIST_ITEMS:
        raise ValueError("a value or a list of values")
    told = tuple({"true": "yes", "false": "no"}.get(scalar(one), scalar(one)) for one in values)
    if any(one.endswith("\\") for one in told):
        raise ValueError("values that do not end in a backslash")
    return told
