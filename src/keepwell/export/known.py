"""Which names may be asked for: those of declared metrics, of pages, and of recording rules. Any other is a bug."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from keepwell.formats.prometheus import PREFIX
from keepwell.metrics.pages import GATEWAY_PAGE, HUB_PAGE, OBJECTIVE_NAMES
from keepwell.metrics.pages.names import outside_names

#: A name of ours in an expression: with the prefix, or with a colon, as recording rules have it.
_NAME = re.compile(rf"(?<![\w:$])((?:{PREFIX}\w+)|(?:[a-z_]+:[\w:]+))")
#: What a string holds is no name.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_ENDS = ("_bucket", "_sum", "_count")


@cache
def known_names() -> frozenset[str]:
    """Names of all samples that keepwell may write on a page."""
    shown = (*GATEWAY_PAGE, *HUB_PAGE)
    plain = {PREFIX + one.name for one in shown if one.kind != "histogram"}
    parts = {PREFIX + one.name + end for one in shown if one.kind == "histogram" for end in _ENDS}
    series = {one.name for one in outside_names().values()}
    return frozenset(plain | parts | series).union(OBJECTIVE_NAMES)


def find_names(expression: str) -> Iterator[str]:
    """Names of ours in an expression of PromQL."""
    for found in _NAME.finditer(_STRING.sub('""', expression)):
        yield found[1]


def require_known(expression: str, recorded: Iterable[str] = ()) -> str:
    """The expression itself; ValueError where it asks for a name that nobody writes."""
    names = known_names().union(recorded)
    for name in find_names(expression):
        if name not in names:
            raise ValueError(f"{name} is written by nobody: {expression}")
    return expression
