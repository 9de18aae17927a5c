"""A real hub with pages for tests, and a visitor that speaks HTTP to it as a browser does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import httpx2
from starlette.routing import BaseRoute

from keepwell.app.hub.answering import Answering
from keepwell.app.hub.duty import Hub
from keepwell.app.hub.house import House
from keepwell.config.model import Config
from keepwell.store.hub_door import HubDoor, find_hub_door
from keepwell.web.face import Web
from tests.app.hub.made import Lines, make_hub
from tests.support import eventually_async, free_port

#: Elements without an end.
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])


@dataclass
class Site:
    """A hub that answers; `url` is without a slash at its end."""

    hub: Hub
    url: str
    lines: Lines
    state: Path
    house: House

    @property
    def door(self) -> HubDoor:
        """Where the owner's commands ask it."""
        found = find_hub_door(self.state)
        assert found is not None
        return found

    def client(self, secret: str = "", **headers: str) -> httpx2.AsyncClient:
        """A visitor; with a secret one that shows it with each request. Follows no redirect."""
        told = {"accept": "text/html", **headers}
        if secret:
            told["authorization"] = f"Bearer {secret}"
        return httpx2.AsyncClient(base_url=self.url, headers=told, timeout=20, trust_env=False)

    async def signed_in(self, secret: str) -> httpx2.AsyncClient:
        """A browser that signed in."""
        client = self.client(origin=self.url)
        answer = await client.post("/sign-in", data={"secret": secret})
        assert answer.status_code == 303, answer.text
        return client


class Window:
    """A face without paths: it lets tests see the house."""

    def __init__(self) -> None:
        self.house: House | None = None

    def routes(self, house: House) -> Sequence[BaseRoute]:
        """None."""
        self.house = house
        return ()

    def live(self) -> AbstractAsyncContextManager[None]:
        """Nothing runs."""
        return nullcontext()


@asynccontextmanager
async def serving(
    state: Path, config: Config | None = None, *, host: str = "127.0.0.1", change: Callable[[Hub], Hub] | None = None
) -> AsyncIterator[Site]:
    """A hub with pages on a free port; no other duty runs."""
    lines = Lines()
    hub = make_hub(state, lines, config=config)
    if change is not None:
        hub = change(hub)
    async with serving_hub(hub, lines, host=host) as site:
        yield site


@asynccontextmanager
async def serving_hub(
    hub: Hub, lines: Lines | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Site]:
    """This hub with pages."""
    port = port or free_port()
    given = hub.wiring.config
    config = replace(given, hub=replace(given.hub, listen=(f"{host}:{port}",)))
    window = Window()
    hub = replace(hub, faces=(Web(), window), wiring=replace(hub.wiring, config=config))
    duty = Answering()
    try:
        await duty.do(hub, hub.wiring.clock.now())
        assert window.house is not None
        url = f"http://127.0.0.1:{port}"
        site = Site(hub=hub, url=url, lines=lines or Lines(), state=hub.state, house=window.house)

        async def answers() -> bool:
            try:
                async with site.client() as client:
                    return (await client.get("/health")).status_code == 200
            except httpx2.TransportError:
                return False

        await eventually_async(answers)
        yield site
    finally:
        await duty.close()


@dataclass
class Node:
    """An element of a page."""

    tag: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in it."""
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def all(self, tag: str = "", **attributes: str) -> list[Node]:
        """Elements in it that fit, in order."""
        found: list[Node] = []
        for one in self.children:
            if isinstance(one, Node):
                fits = all(one.attributes.get(name.strip("_")) == value for name, value in attributes.items())
                if fits and tag in ("", one.tag):
                    found.append(one)
                found += one.all(tag, **attributes)
        return found


class Reader(HTMLParser):
    """HTML to elements; what is not closed as it ought to be is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Node("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One more inside."""
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"twice in <{tag}>: {names}"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As SVG closes them."""
        self._open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """It must be the one that is open."""
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        """Text."""
        self._open[-1].children.append(data)


def parse(html: str) -> Node:
    """The page as elements. AssertionError where it is not closed well."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert len(reader._open) == 1, f"not closed: {[one.tag for one in reader._open[1:]]}"
    return reader.root


def form(**fields: str) -> bytes:
    """A form as a browser sends it."""
    return urlencode(fields).encode()
