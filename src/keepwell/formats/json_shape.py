"""Whether a JSON value has the fields that were promised, told by dotted paths. Pure.

`data[].id` asks that `data` is a list and every item of it has an `id`; an empty list has what is promised of its
items. A path may end in `:list`, `:text`, `:number` or `:mapping`; without that any value but null will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_KINDS: Mapping[str, tuple[type, ...]] = {
    "list": (list,),
    "text": (str,),
    "number": (int, float),
    "mapping": (dict,),
}


def find_lacking(value: object, paths: Iterable[str]) -> str:
    """The first path that the value has not, with what stands there instead; "" if it has all."""
    for path in paths:
        place, _, kind = path.partition(":")
        what = _find_lack(value, [step for step in place.split(".") if step], kind)
        if what:
            return f"{place} {what}"
    return ""


def _find_lack(value: object, steps: list[str], kind: str) -> str:
    if not steps:
        return _judge_kind(value, kind)
    name = steps[0].removesuffix("[]")
    if name:
        if not isinstance(value, Mapping):
            return "is not there"
        if name not in value:
            return "is not there"
        value = value[name]
    if not steps[0].endswith("[]"):
        return _find_lack(value, steps[1:], kind)
    if not isinstance(value, list):
        return "is no list"
    return next((lack for one in value if (lack := _find_lack(one, steps[1:], kind))), "")


def _judge_kind(value: object, kind: str) -> str:
    if value is None:
        return "is null"
    if kind and (not isinstance(value, _KINDS[kind]) or (kind == "number" and isinstance(value, bool))):
        return f"is no {kind}"
    return ""
