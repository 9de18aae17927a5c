"""An operation with its arguments as the command line that a person would type: what is read is what runs. Pure."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from keepwell.app.arguments import public_name
from keepwell.app.operation import Operation, Parameter
from keepwell.core.errors import ConfigurationError
from keepwell.core.words import clean

#: Characters of one word, and of the whole line: more than a person reads is not approved by reading, and what is asked
#: at a terminal is cut at 2,000.
WORD_CHARACTERS, LINE_CHARACTERS = 1000, 1900


def fill_in(operation: Operation, face: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments whole: what was left out has the value that it means."""
    return {one.name: arguments.get(one.name, one.default) for one in operation.parameters(face)}


def render_command(operation: Operation, face: str, arguments: Mapping[str, Any]) -> str:
    """The line, each word quoted for a shell.

    Raises ConfigurationError where it could not be read as it is: control characters, marks that turn the direction of
    text, too long, or a value that no flag can give.
    """
    flags: list[str] = []
    places: list[tuple[Parameter, Any]] = []
    for one in operation.parameters(face):
        value = arguments.get(one.name, one.default)
        if one.param.position:
            places.append((one, value))
        elif value != one.default:
            flags += _flag(one, value)
    words = list(_positions(places))
    if any(word.startswith("-") for word in words):
        flags.append("--")
    told = " ".join(["keepwell", *operation.name.split(), *(shlex.quote(word) for word in [*flags, *words])])
    if len(told) > LINE_CHARACTERS:
        raise ConfigurationError(f"a command of {len(told)} characters is more than a person reads")
    return told


def _positions(places: list[tuple[Parameter, Any]]) -> Iterator[str]:
    while places and places[-1][1] == places[-1][0].default:
        places.pop()
    for one, value in places:
        for each in _several(value):
            yield _word(one, each)


def _flag(one: Parameter, value: Any) -> Iterator[str]:
    name = f"--{public_name(one.name).replace('_', '-')}"
    if one.type is not bool:
        for each in _several(value):
            yield f"{name}={_word(one, each)}"
    elif value:
        yield name
    else:
        raise ConfigurationError(f"{public_name(one.name)} cannot be turned off", hint=one.param.help)


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return list(value)
    return [value]


def _word(one: Parameter, value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigurationError(f"{public_name(one.name)}: {value} is no number", hint=one.param.help)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    if clean(text, WORD_CHARACTERS) != text:
        what = f"{public_name(one.name)} holds what cannot be shown as it is, or is too long"
        raise ConfigurationError(what, hint="plain words, no control characters or invisible marks")
    return text
