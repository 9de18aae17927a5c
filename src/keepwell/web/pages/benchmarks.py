"""Results that are kept: a list, and one or two side by side."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from keepwell.pages.curves import draw_spread
from keepwell.web.page import Page, Shown, Visit
from keepwell.web.work import read

#: Shares of requests whose times are shown.
SHARES = (0.5, 0.95, 0.99)


async def show(visit: Visit) -> Shown:
    """The list, with a box before each: two are compared."""
    told = await read(visit, "bench list", {})
    return Shown(template="benchmarks.html", data={"results": told["results"], "problems": told["problems"]})


async def show_some(visit: Visit) -> Shown:
    """One, or two beside each other: `one=ID&one=ID`."""
    names = visit.request.query_params.getlist("one")[:2]
    told = [await read(visit, "bench show", {"result": name}) for name in names]
    columns = [_column(one) for one in told]
    titles = list(dict.fromkeys(row for one in columns for row in one["rows"]))
    return Shown(template="benchmark.html", data={"columns": columns, "titles": titles})


def _column(told: dict[str, Any]) -> dict[str, Any]:
    """A result as a column: its rows by title, and its pictures. Of a sweep the last stretch."""
    stretch = told["stretches"][-1]
    summary = stretch["summary"]
    rows: dict[str, object] = {
        "requests": summary["requests"],
        "errors": sum(stretch["errors"].values()),
        "requests a second": summary["requests_per_second"],
        "output tokens a second": summary["output_tokens_per_second"],
    }
    for times in summary["times"]:
        for one in times["quantiles"]:
            if one["share"] in SHARES:
                rows[f"{times['title']}, P{one['share'] * 100:g}, s"] = one["value"]
    spread = stretch["ttft"]
    picture = Markup(draw_spread(spread["edges"], spread["counts"], "time to first token", "s"))
    return {"told": told, "stretch": stretch, "rows": rows, "picture": picture}


PAGES = (
    Page(path="/benchmarks", title="Benchmarks", show=show, place=3, group="known"),
    Page(path="/benchmarks/shown", title="Benchmarks compared", show=show_some),
)
