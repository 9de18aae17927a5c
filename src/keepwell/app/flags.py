"""An operation whose flags are the fields of a dataclass: for more of them than a function should have parameters."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from keepwell.app.operation import Caller

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Flags = TypeVar("Flags", bound="DataclassInstance")


class Flagged(Generic[Flags]):
    """Looks to faces like a function with one keyword parameter a field; the dataclass's annotations are `Annotated`
    with a `Param`, as values and not as text.
    """

    def __init__(self, function: Callable[[Caller, Flags], Awaitable[Any]], kind: type[Flags]) -> None:
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__name__ = function.__name__
        self.__annotations__ = function.__annotations__
        self._function = function
        self._kind = kind
        caller = inspect.Parameter("caller", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Caller)
        self.__signature__ = inspect.Signature([caller, *map(_parameter, fields(kind))])

    async def __call__(self, caller: Caller, **flags: Any) -> Any:
        """Do it, with flags by name."""
        return await self._function(caller, self._kind(**flags))


def _parameter(field: Field[Any]) -> inspect.Parameter:
    default = field.default
    if default is MISSING:
        default = inspect.Parameter.empty
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.type)
