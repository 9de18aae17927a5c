"""Arguments of an operation as they come from outside (JSON, a query, a form), made what its parameters are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from keepwell.app.operation import Operation, Parameter
from keepwell.core.errors import ConfigurationError

#: The largest number that is taken: what stores and machines count with.
LARGEST = 2**63 - 1


def take_arguments(operation: Operation, face: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the operation's function takes by name. Texts become numbers and truths where those are asked for.

    Raises ConfigurationError that names the parameter: one that there is not, that is missing, or that does not fit.
    """
    known = {one.name: one for one in operation.parameters(face)}
    told = {_real_name(name, known): value for name, value in given.items()}
    strange = sorted(set(told) - set(known))
    if strange:
        hint = "there are: " + (", ".join(sorted(map(public_name, known))) or "none")
        raise ConfigurationError(f"{operation.name} has no parameter {strange[0]!r}", hint=hint)
    for one in known.values():
        if one.required and one.name not in told:
            raise ConfigurationError(f"{operation.name} needs {public_name(one.name)}", hint=one.param.help)
    return {name: _convert(operation, known[name], value) for name, value in told.items()}


def public_name(name: str) -> str:
    """A parameter's name as it is said: without the line that keeps it apart from a word of the language."""
    return name.rstrip("_")


def _real_name(name: str, known: Mapping[str, Parameter]) -> str:
    if f"{name}_" in known:
        return f"{name}_"
    return name


def _convert(operation: Operation, one: Parameter, value: Any) -> Any:
    try:
        made = msgspec.convert(value, one.type, strict=False)
    except (msgspec.ValidationError, TypeError) as error:
        raise ConfigurationError(f"{operation.name}: {public_name(one.name)}: {error}", hint=one.param.help) from error
    if isinstance(made, int | float) and not abs(made) <= LARGEST:  # also what is no number
        raise ConfigurationError(f"{operation.name}: {public_name(one.name)} is no number that can be meant")
    low, high = one.param.minimum, one.param.maximum
    if isinstance(made, int | float) and ((low is not None and made < low) or (high is not None and made > high)):
        raise ConfigurationError(
            f"{operation.name}: {public_name(one.name)} must be {_describe_range(low, high)}", hint=one.param.help
        )
    return made


def _describe_range(low: int | None, high: int | None) -> str:
    if low is None:
        return f"at most {high}"
    if high is None:
        return f"at least {low}"
    return f"{low} to {high}"
