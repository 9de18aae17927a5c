"""Which requests a page is about: the filter of its address, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from keepwell.store.requests import Wanted

#: Spans that one may look back, and their seconds; the first is the usual one.
SPANS: Mapping[str, float] = {"1h": 3600.0, "15m": 900.0, "6h": 21600.0, "24h": 86400.0, "7d": 604800.0}
USUAL = "1h"
#: Characters of a name.
NAME = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Requests of this route (or for this model), of this key, only failed ones, over this span."""

    route: str = ""
    key: str = ""
    failed: bool = False
    span: str = USUAL

    @property
    def seconds(self) -> float:
        """The span."""
        return SPANS[self.span]

    def wanted(self, now: float) -> Wanted:
        """As the store takes it."""
        return Wanted(key=self.key, route=self.route, failed=self.failed, since=now - self.seconds)


def parse_asked(query: str) -> Asked:
    """From the words after the question mark; what cannot be used is as if it were not said."""
    told = dict(parse_qsl(query, max_num_fields=20))
    span = told.get("since", USUAL)
    if span not in SPANS:
        span = USUAL
    return Asked(
        route=told.get("route", "").strip()[:NAME],
        key=told.get("key", "").strip()[:NAME],
        failed=told.get("failed", "") == "1",
        span=span,
    )


def render_asked(asked: Asked) -> str:
    """As words after a question mark: what is usual is left out."""
    said = {"route": asked.route, "key": asked.key, "failed": "1" * asked.failed}
    told = {name: word for name, word in said.items() if word}
    if asked.span != USUAL:
        told["since"] = asked.span
    return urlencode(told)
