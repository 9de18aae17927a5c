"""JSON Schemas of what operations answer, from the types that they give back, by the rules of `keepwell.app.plain`."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from keepwell.app.operation import Operation
from keepwell.core.hypothesis import Contribution, Hypothesis
from keepwell.core.observation import Missing
from keepwell.core.ref import Ref

Form: TypeAlias = dict[str, Any]
#: Where forms are referred to.
PLACE = "#/components/schemas/"
#: What any value is: forms that are not told.
ANY: Form = {}
_EVIDENCE: Form = {"say": {"type": "string"}, "check": {"type": "string"}, "weight": {"type": "number"}}
_PLAIN: Mapping[Any, Form] = {
    NoneType: {"type": "null"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    # Numbers that JSON cannot write, such as infinity, are null.
    float: {"type": ["number", "null"]},
    str: {"type": "string"},
    Ref: {"type": "string"},
    Path: {"type": "string"},
    bytes: {"type": "string"},
    Contribution: {"type": "object", "properties": _EVIDENCE},
}
_LISTS = (tuple, list, set, frozenset, Sequence)


def find_reports(operation: Operation) -> tuple[type, ...]:
    """The classes that an operation answers with; () where its annotation tells none."""
    function = inspect.unwrap(getattr(operation.function, "function", operation.function))
    told = inspect.get_annotations(function).get("return", "")
    if not isinstance(told, str):
        return tuple(one for one in get_args(told) or (told,) if isinstance(one, type) and one is not NoneType)
    module = sys.modules[function.__module__]
    names = {one.id for one in ast.walk(ast.parse(told, mode="eval")) if isinstance(one, ast.Name)}
    known = dict(_imports_for_types(module.__name__, inspect.getsource(module)))
    return tuple(_load(known[name], name) for name in sorted(names & known.keys()))


def find_schema_name(report: type) -> str:
    """The name and version that stand in the answer's `schema`; "" where each answer has its own."""
    told = next((one.default for one in fields(report) if one.name == "schema"), MISSING)
    if told is not MISSING:
        return str(told)
    getter = getattr(getattr(report, "schema", None), "fget", None)
    if not callable(getter):
        return ""
    try:
        return str(getter(object.__new__(report)))
    except AttributeError:  # it depends on what is in the answer
        return ""


class Forms:
    """Collects the forms that others refer to, by the names of their classes."""

    def __init__(self) -> None:
        self.named: dict[str, Form] = {}
        self._classes: dict[str, type] = {}

    def of_report(self, report: type) -> Form:
        """The form of a whole answer: `schema` and `exit_code` stand beside the fields; those of a diagnosis, too."""
        if not is_dataclass(report):
            return {"type": "object"}
        made = self._of_class(report)
        inner = made["properties"].pop("diagnosis", None)
        more: Form = {}
        if inner is not None and "$ref" in inner:
            more = self.named[inner["$ref"].removeprefix(PLACE)]["properties"]
        schema: Form = {"type": "string"}
        if find_schema_name(report):
            schema = {"const": find_schema_name(report)}
        head = {"schema": schema, "exit_code": {"type": "integer", "minimum": 0, "maximum": 3}}
        return {
            "type": "object",
            "description": _first_line(report),
            "properties": {**more, **made["properties"], **head},
            "required": ["schema", "exit_code"],
        }

    def of(self, kind: Any) -> Form:
        """The form of a value of this type."""
        if isinstance(kind, type) and kind in _PLAIN:
            return dict(_PLAIN[kind])
        make = _BY_ORIGIN.get(get_origin(kind))
        if make is not None:
            return make(self, get_args(kind))
        if isinstance(kind, type) and issubclass(kind, Enum):
            return {"enum": [one.name.lower() for one in kind]}
        if kind is Missing:
            return self._refer(kind, _form_missing)
        if isinstance(kind, type) and is_dataclass(kind):
            return self._refer(kind, self._of_class)
        if isinstance(kind, type) and issubclass(kind, tuple):
            return {"type": "array"}
        return dict(ANY)

    def list_of(self, args: tuple[Any, ...]) -> Form:
        """A list, of one kind or of several in their places."""
        if len(args) == 2 and args[1] is Ellipsis:
            args = args[:1]
        if len(args) == 1:
            return {"type": "array", "items": self.of(args[0])}
        return {"type": "array", "prefixItems": [self.of(one) for one in args], "minItems": len(args)}

    def mapping_of(self, args: tuple[Any, ...]) -> Form:
        """An object with values of one kind."""
        return {"type": "object", "additionalProperties": self.of(args[-1])}

    def word_of(self, args: tuple[Any, ...]) -> Form:
        """One of some words."""
        return {"enum": list(args)}

    def one_of(self, args: tuple[Any, ...]) -> Form:
        """Any of several kinds."""
        return {"anyOf": [self.of(one) for one in args]}

    def _refer(self, kind: type, make: Callable[[type], Form]) -> Form:
        name = kind.__name__
        if self._classes.setdefault(name, kind) is not kind:
            name = f"{kind.__module__.removeprefix('keepwell.')}.{name}"
        if name not in self.named:
            self.named[name] = {}
            self.named[name] = make(kind)
        return {"$ref": PLACE + name}

    def _of_class(self, kind: type) -> Form:
        try:
            hints = get_type_hints(kind)
        except (NameError, TypeError):  # a type that only the checker sees, or one told by its own text
            hints = {}
        rows = {one.name: self.of(hints.get(one.name, Any)) for one in fields(kind)}
        if kind is Hypothesis:
            rows["undecided"] = {"type": "array", "items": {"type": "object", "properties": _EVIDENCE}}
        return {"type": "object", "description": _first_line(kind), "properties": rows, "required": sorted(rows)}


_BY_ORIGIN: Mapping[Any, Callable[[Forms, tuple[Any, ...]], Form]] = {
    **dict.fromkeys(_LISTS, Forms.list_of),
    **dict.fromkeys((dict, Mapping), Forms.mapping_of),
    **dict.fromkeys((Union, UnionType), Forms.one_of),
    Literal: Forms.word_of,
}


def _form_missing(_: type) -> Form:
    words = {"missing": {"enum": ["absent", "unknown", "failed"]}, "reason": {"type": "string"}}
    return {"type": "object", "description": "Why a value is not there.", "properties": words, "required": ["missing"]}


def _imports_for_types(name: str, source: str) -> Iterator[tuple[str, str]]:
    """Names that a module imports, also those that only the checker of types sees, with where each comes from."""
    for one in ast.walk(ast.parse(source)):
        if isinstance(one, ast.ImportFrom) and one.module:
            yield from ((alias.asname or alias.name, one.module) for alias in one.names)
        elif isinstance(one, ast.ClassDef):
            yield one.name, name


def _load(module: str, name: str) -> type:
    found: type = getattr(importlib.import_module(module), name)
    return found


def _first_line(kind: type) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n", 1)[0].replace("\n", " ")
