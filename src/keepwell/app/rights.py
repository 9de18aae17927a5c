"""What may be done for who asks from afar: by the right to change things, never by naming files of this machine. Pure.

On the command line a person has the rights of the account anyway; a key of the hub may be a stranger's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from keepwell.app.arguments import public_name
from keepwell.app.operation import Operation, Param
from keepwell.app.targets import BUNDLE_SUFFIX, EVERY, HERE
from keepwell.core.errors import ConfigurationError, NotPermitted

#: The face whose parameters are offered to who asks from afar.
FACE = "api"
#: A name that is neither a path nor an address: of a result, an engine, a cause.
_NAME = re.compile(r"[\w+-][\w+.-]*")


def check_visit(
    operation: Operation, arguments: Mapping[str, Any], *, may_change: bool, nodes: Collection[str]
) -> None:
    """See that this may be done for who asks from afar; `nodes` are those of keepwell.toml and this machine.

    Raises ConfigurationError for what nobody may ask from afar, NotPermitted for what this visitor may not.
    """
    offered = {one.name for one in operation.parameters(FACE)}
    for name, value in _said(operation, arguments):
        if name not in offered:
            raise ConfigurationError(
                f"{operation.name}: {public_name(name)} is not taken from afar", hint="it is for the command line"
            )
        for word in _words(value, _param(operation, name), "name"):
            if not _NAME.fullmatch(word):
                raise ConfigurationError(f"{operation.name}: {public_name(name)} takes a plain name from afar")
        for word in _words(value, _param(operation, name), "place"):
            if "/" in word or word.endswith(BUNDLE_SUFFIX):
                raise ConfigurationError(f"{operation.name}: {public_name(name)} takes no file from afar")
    why = find_need(operation, arguments, nodes)
    if why and not may_change:
        raise NotPermitted(
            f"{operation.name} {why}, which needs the right to change things",
            hint="make a key that may: keepwell key new NAME admin=yes",
        )


def find_need(operation: Operation, arguments: Mapping[str, Any], nodes: Collection[str]) -> str:
    """Why this needs the right to change things, as "changes something"; "" where it does not."""
    said = dict(_said(operation, arguments))
    if does_change(operation, arguments):
        return "changes something"
    if operation.heavy:
        return "lets engines, disks or networks work"
    for name, value in said.items():
        param = _param(operation, name)
        if param.guarded and not (param.free_up_to is not None and value <= param.free_up_to):
            return f"does more with {public_name(name)}"
        if any(not _is_known(word, nodes) for word in _words(value, param, "place")):
            return "looks at a place that keepwell.toml does not name"
    return ""


def does_change(operation: Operation, arguments: Mapping[str, Any]) -> bool:
    """True if it changes something when it is asked for with these."""
    said = {name for name, _ in _said(operation, arguments)}
    return operation.effect == "change" and (
        not operation.reads_without or not said.isdisjoint(operation.reads_without)
    )


def may_read(operation: Operation) -> bool:
    """True if it can be asked for without any change: by GET, and by who only reads unless it is heavy."""
    return operation.effect == "read" or bool(operation.reads_without)


def _said(operation: Operation, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What was given and is not as it would be anyway."""
    defaults = {one.name: one.default for one in operation.parameters("")}
    return ((name, value) for name, value in arguments.items() if name not in defaults or value != defaults[name])


def _param(operation: Operation, name: str) -> Param:
    return next(one.param for one in operation.parameters("") if one.name == name)


def _words(value: Any, param: Param, means: str) -> list[str]:
    """The texts in a value, if its parameter means that."""
    if param.means != means or not value:
        return []
    if isinstance(value, str):
        return [value]
    return [str(one) for one in value if one]


def _is_known(word: str, nodes: Collection[str]) -> bool:
    return word == EVERY or word in HERE or word in nodes
