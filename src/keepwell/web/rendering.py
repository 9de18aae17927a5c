"""Templates to HTML. Whatever is put into one is escaped; templates of `keepwell.pages` may be used, too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from keepwell import __version__
from keepwell.app.hub.house import House
from keepwell.app.operation import COULD_NOT_LOOK
from keepwell.core.errors import KeepwellError
from keepwell.core.words import span
from keepwell.pages.environment import get_environment as get_report_environment
from keepwell.web.assets import load_assets
from keepwell.web.page import Shown, Visit
from keepwell.web.table import load_table
from keepwell.web.words import FILTERS, TESTS

_FOLDERS = (Path(__file__).parent / "templates", Path(__file__).parents[1] / "pages" / "templates")
#: The cookie that keeps whether pages are light or dark, and what it may say; "" follows the system.
THEME_COOKIE, THEMES = "keepwell_theme", ("", "light", "dark")


async def render_page(visit: Visit, shown: Shown, *, title: str, path: str = "") -> str:
    """The whole page; `path` is that of its place in the navigation."""
    parts = {name: await render_part(visit.house, name, may_change=visit.may_change) for name in shown.parts}
    theme = visit.request.cookies.get(THEME_COOKIE, "")
    frame = {
        "title": shown.title or title,
        "path": path,
        "asked_path": visit.request.url.path,
        "visitor": visit.visitor,
        "may_change": visit.may_change,
        "keyed": visit.house.gatehouse.keyed,
        "here": visit.hub.here,
        "now": visit.now,
        "theme": theme * (theme in THEMES),
        "parts": parts,
        "part": _Parts(parts),
    }
    return await asyncio.to_thread(render, shown.template, {**shown.data, **frame})


async def render_part(house: House, name: str, *, may_change: bool) -> str:
    """One live part as it is now; where it cannot be had, why."""
    known, _, argument = name.partition(":")
    part = load_table().parts[known]
    told: Mapping[str, Any]
    try:
        template, told = part.template, await part.gather(house, argument)
    except KeepwellError as error:
        template, told = "parts/trouble.html", {"error": error}
    data = {**told, "may_change": may_change, "here": house.hub().here, "now": house.hub().wiring.clock.now()}
    return await asyncio.to_thread(render, template, data)


def render(name: str, data: Mapping[str, Any]) -> str:
    """One template, filled in."""
    return get_environment().get_template(name).render(data)


@cache
def get_environment() -> Environment:
    """The templates with the words that all pages share: those of reports, and `keepwell.web.words`."""
    made = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in _FOLDERS]),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    reports = get_report_environment()
    made.filters.update({**reports.filters, "span": span, **FILTERS})
    made.tests.update({**reports.tests, **TESTS})
    made.globals.update(
        asset=_find_asset,
        navigation=load_table().navigation(),
        version=__version__,
        could_not_look=COULD_NOT_LOOK,
    )
    return made


def _find_asset(name: str) -> str:
    return load_assets()[name].url


class _Parts:
    """Called in a page's template with a part's name: the section that stays up to date. `label` names it."""

    def __init__(self, parts: Mapping[str, str]) -> None:
        self._parts = parts

    def __call__(self, name: str, label: str = "", kind: str = "") -> Markup:
        made = Markup('<section data-live="{}" class="live {}"').format(name, kind)
        if label:
            made += Markup(' aria-label="{}"').format(label)
        return made + Markup(">{}</section>").format(Markup(self._parts[name]))
