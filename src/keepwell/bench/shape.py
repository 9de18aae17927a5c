"""Whether a JSON value is of a shape: the words of JSON Schema that small checks of answers need. Pure.

Known: type, enum, const, required, properties, additionalProperties (false), items, minItems, maxItems, minimum,
maximum, minLength. Any other word in a schema is a mistake of its writer, and `find_unknown` names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
WORDS = frozenset(
    {
        *("type", "enum", "const", "required", "properties", "additionalProperties", "items"),
        *("minItems", "maxItems", "minimum", "maximum", "minLength"),
    }
)
#: Nesting of a schema: an answer of a small check has two or three levels.
DEPTH = 8


def find_misfit(value: object, shape: Mapping[str, object], where: str = "$") -> str:
    """The first place where a value does not fit, in words; "" if it fits."""
    return next(_misfits(value, shape, where, DEPTH), "")


def find_unknown(shape: Mapping[str, object], depth: int = DEPTH) -> str:
    """The first thing in a schema that is not known, in words; "" if all is."""
    if not depth:
        return "nesting beyond that of a small check"
    for word in shape:
        if word not in WORDS:
            return repr(word)
    kind = shape.get("type", "object")
    if not isinstance(kind, str) or kind not in _TYPES:
        return f"type {kind!r}"
    inner = list(_mapping(shape.get("properties")).values())
    if "items" in shape:
        inner.append(shape["items"])
    return next((found for one in inner if (found := find_unknown(_mapping(one), depth - 1))), "")


def _misfits(value: object, shape: Mapping[str, object], where: str, depth: int) -> Iterator[str]:
    if not depth:
        return
    if not _is_of(value, shape.get("type")):
        yield f"{where} is no {shape['type']}"
        return
    if "const" in shape and not _is_same(value, shape["const"]):
        yield f"{where} is not {shape['const']!r}"
    allowed = shape.get("enum")
    if isinstance(allowed, (list, tuple)) and not any(_is_same(value, one) for one in allowed):
        yield f"{where} is none of {', '.join(map(repr, allowed))}"
    if isinstance(value, dict):
        yield from _in_object(value, shape, where, depth)
    elif isinstance(value, list):
        yield from _in_list(value, shape, where, depth)
    elif isinstance(value, str):
        yield from _bounds(len(value), shape, where, "minLength", "")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _bounds(value, shape, where, "minimum", "maximum")


def _in_object(value: Mapping[str, object], shape: Mapping[str, object], where: str, depth: int) -> Iterator[str]:
    required = shape.get("required")
    if isinstance(required, (list, tuple)):
        yield from (f"{where} lacks {name!r}" for name in required if name not in value)
    properties = _mapping(shape.get("properties"))
    for name, inner in properties.items():
        if name in value:
            yield from _misfits(value[name], _mapping(inner), f"{where}.{name}", depth - 1)
    if shape.get("additionalProperties") is False:
        yield from (f"{where} has {name!r}, which nobody asked for" for name in value if name not in properties)


def _in_list(value: list[object], shape: Mapping[str, object], where: str, depth: int) -> Iterator[str]:
    yield from _bounds(len(value), shape, where, "minItems", "maxItems")
    inner = _mapping(shape.get("items"))
    for number, one in enumerate(value):
        yield from _misfits(one, inner, f"{where}[{number}]", depth - 1)


def _bounds(number: float, shape: Mapping[str, object], where: str, least: str, most: str) -> Iterator[str]:
    low, high = shape.get(least), shape.get(most)
    if isinstance(low, int | float) and number < low:
        yield f"{where} is below {least} {low}"
    if isinstance(high, int | float) and number > high:
        yield f"{where} is above {most} {high}"


def _is_of(value: object, kind: object) -> bool:
    """Whether it is of the type; True where none is said. A truth value is no number."""
    if not isinstance(kind, str):
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, ()))


def _is_same(value: object, other: object) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _mapping(value: object) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    return {}
