"""What a page of the web face is made of: a page is a file in `pages` that ends in PAGES, FORMS and PARTS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from keepwell.app.hub.duty import Hub
from keepwell.app.hub.house import House
from keepwell.app.hub.visitor import Visitor

#: Where a page stands in the navigation: what is going on, what is wrong, what is done, what is known, the rest.
Group: TypeAlias = Literal["now", "trouble", "work", "known", "here"]
#: What one needs to use a form: nothing but to be admitted, or the right to change.
Right: TypeAlias = Literal["read", "change"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of one visitor."""

    house: House
    visitor: Visitor
    request: Request

    @property
    def hub(self) -> Hub:
        """The hub with its newest configuration."""
        return self.house.hub()

    @property
    def now(self) -> float:
        """Seconds since the epoch, by the hub's clock."""
        return self.hub.wiring.clock.now()

    @property
    def may_change(self) -> bool:
        """True for who may change something."""
        return self.visitor.may_change

    def asked(self, name: str, usual: str = "") -> str:
        """A word of the address after the question mark."""
        return self.request.query_params.get(name, usual)

    def named(self, name: str) -> str:
        """A part of the path, such as ID of `/requests/{ID}`."""
        return str(self.request.path_params.get(name, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A page to be rendered: its template, what that needs, and the live parts in it ("overview", "work:ID").

    `title` is put in place of the page's own where it says more.
    """

    template: str
    data: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    title: str = ""
    status: int = 200


Show: TypeAlias = Callable[[Visit], Awaitable[Shown | Response]]
#: What a form was filled in with: each field's texts.
Fields: TypeAlias = Mapping[str, list[str]]
Act: TypeAlias = Callable[[Visit, Fields], Awaitable[Shown | Response]]
Gather: TypeAlias = Callable[[House, str], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page. `place` orders it in its group of the navigation; 0 is not in the navigation. `show` reads; it may raise
    KeepwellError, which is shown with its next step.
    """

    path: str
    title: str
    show: Show
    place: int = 0
    group: Group = "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Where a form is sent. Who has not the right is refused before `act` is called; `act` answers with a redirect
    (`keepwell.web.work.go`) or a page.
    """

    path: str
    act: Act
    right: Right = "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a page that stays up to date. `gather` gets the house and what stands after the colon of its name,
    and gives what the template needs; it is asked every `every_seconds` while somebody looks, once for all who do.

    In the template, what changes alone carries `data-key="..."`, each name once, none inside another of the same tag.
    """

    name: str
    template: str
    gather: Gather
    every_seconds: float = 1.0
