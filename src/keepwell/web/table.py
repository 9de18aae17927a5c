"""The pages, found as files; nothing else lists them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from pathlib import Path

from keepwell.web.page import Form, Group, Page, Part

_FOLDER = Path(__file__).parent / "pages"
#: The groups of the navigation in their order, with what they are called.
GROUPS: dict[Group, str] = {
    "now": "Now",
    "trouble": "Trouble",
    "work": "Work",
    "known": "Known",
    "here": "Here",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All pages, forms and live parts."""

    pages: tuple[Page, ...]
    forms: tuple[Form, ...]
    parts: dict[str, Part]

    def navigation(self) -> list[tuple[str, list[Page]]]:
        """What each group is called, and its pages in order; groups without any are left out."""
        placed = sorted((one for one in self.pages if one.place), key=attrgetter("place"))
        grouped = [(title, [one for one in placed if one.group == group]) for group, title in GROUPS.items()]
        return [(title, pages) for title, pages in grouped if pages]


@cache
def load_table() -> Table:
    """Every file of `pages`."""
    names = sorted(path.stem for path in _FOLDER.glob("*.py") if not path.stem.startswith("_"))
    modules = [importlib.import_module(f"keepwell.web.pages.{name}") for name in names]
    return Table(
        pages=tuple(one for module in modules for one in module.PAGES),
        forms=tuple(one for module in modules for one in getattr(module, "FORMS", ())),
        parts={one.name: one for module in modules for one in getattr(module, "PARTS", ())},
    )
