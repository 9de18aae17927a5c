"""The parameters of an operation as the JSON Schema of a tool. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from types import UnionType
from typing import Any, get_args, get_origin

from keepwell.app.arguments import public_name
from keepwell.app.operation import Parameter

_KINDS: dict[Any, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}


def render_schema(parameters: Iterable[Parameter]) -> dict[str, Any]:
    """An object that takes these and nothing else."""
    rows = list(parameters)
    schema: dict[str, Any] = {"type": "object", "properties": {public_name(one.name): _render(one) for one in rows}}
    required = [public_name(one.name) for one in rows if one.required]
    if required:
        schema["required"] = required
    schema["additionalProperties"] = False
    return schema


def _render(one: Parameter) -> dict[str, Any]:
    kind = one.type
    if get_origin(kind) is UnionType:
        (kind,) = (part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is list:
        (part,) = get_args(kind)
        made: dict[str, Any] = {"type": "array", "items": {"type": _KINDS[part]}}
    else:
        made = {"type": _KINDS[kind]}
    least, most = one.param.minimum, one.param.maximum
    if one.param.free_up_to is not None:
        most = one.param.free_up_to
    bounds = {"minimum": least, "maximum": most}
    made |= {name: bound for name, bound in bounds.items() if bound is not None}
    if one.default not in ("", None, False) and not one.required:
        made["default"] = one.default
    return {**made, "description": one.param.help}
