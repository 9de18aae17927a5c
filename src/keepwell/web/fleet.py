"""Where things lie in the picture of the fleet: routes at the left, nodes with devices and engines at the right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keepwell.app.overview.model import DeviceRow, EngineRow, NodeRow
from keepwell.core.finding import Status
from keepwell.core.words import clean

#: Units of the picture: its width, that of the routes' column and of the room for lines, and what lies between nodes.
WIDTH, ROUTES, LINES, GAP = 1080, 200, 90, 12
#: Heights: of a node's first line, of a device, of an engine, of a route; and what is free within a node.
HEAD, DEVICE, ENGINE, ROUTE, INSET = 26, 30, 22, 30, 10
#: Of more nodes than this no lines are drawn: nobody could follow them; nodes lie in columns then.
LINKED = 8
COLUMNS = 4
#: Routes that are drawn, engines of one node, and devices of one node.
MOST_ROUTES, MOST_ENGINES, MOST_DEVICES = 24, 6, 16
#: Units of a device's cell, at least; of a letter, roughly.
CELL, LETTER = 112, 6.7


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpot:
    """A device and where it lies; `label` is short enough for its cell."""

    row: DeviceRow
    x: float
    y: float
    width: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpot:
    """An engine, where it lies, and what is written there."""

    row: EngineRow
    x: float
    y: float
    title: str
    models: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpot:
    """A node's card. `more` engines and devices are not drawn."""

    row: NodeRow
    x: float
    y: float
    width: float
    height: float
    title: str
    state: str
    devices: tuple[DeviceSpot, ...]
    engines: tuple[EngineSpot, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSpot:
    """A route and how many of its replicas are well, of how many."""

    name: str
    label: str
    y: float
    well: int
    replicas: int
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """From a route to an engine that serves it, or to its node where the engine is not drawn."""

    x1: float
    y1: float
    x2: float
    y2: float
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All of it; `unseen_routes` are not drawn."""

    width: float
    height: float
    nodes: tuple[NodeSpot, ...]
    routes: tuple[RouteSpot, ...]
    links: tuple[Link, ...]
    unseen_routes: int


def draw_fleet(nodes: Sequence[NodeRow], routes: Mapping[str, Iterable[str]]) -> Picture:
    """The picture of these nodes; `routes` are models that clients ask for, with the ids of their replicas."""
    linked = len(nodes) <= LINKED and bool(routes)
    left = (ROUTES + LINES) * linked
    columns = {True: 1, False: min(COLUMNS, max(1, len(nodes)))}[linked]
    spots = _place_nodes(nodes, left, columns)
    height = max((one.y + one.height for one in spots), default=0.0)
    drawn: tuple[RouteSpot, ...] = ()
    links: tuple[Link, ...] = ()
    if linked:
        drawn = tuple(_place_routes(routes, _states(nodes), height))
        links = tuple(_draw_links(drawn, routes, spots))
        height = max(height, max(one.y + ROUTE for one in drawn))
    unseen = (len(routes) - len(drawn)) * linked
    return Picture(width=WIDTH, height=height, nodes=spots, routes=drawn, links=links, unseen_routes=unseen)


def _place_nodes(nodes: Sequence[NodeRow], left: float, columns: int) -> tuple[NodeSpot, ...]:
    width = (WIDTH - left - GAP * (columns - 1)) / columns
    spots: list[NodeSpot] = []
    top = 0.0
    for start in range(0, len(nodes), columns):
        row = [
            _place_node(one, left + place * (width + GAP), top, width)
            for place, one in enumerate(nodes[start : start + columns])
        ]
        spots += row
        top = max(one.y + one.height for one in row) + GAP
    return tuple(spots)


def _place_node(node: NodeRow, x: float, y: float, width: float) -> NodeSpot:
    inner = width - 2 * INSET
    cells = max(1, int(inner // CELL))
    if len(node.devices) <= 4:
        cells = min(cells, max(1, len(node.devices)))
    shown, top = node.devices[:MOST_DEVICES], y + HEAD + INSET
    devices = tuple(
        _place_device(one, x + INSET + place % cells * inner / cells, top + place // cells * DEVICE, inner / cells - 8)
        for place, one in enumerate(shown)
    )
    top += -(-len(shown) // cells) * DEVICE
    engines = tuple(
        _place_engine(one, x + INSET, top + place * ENGINE, inner)
        for place, one in enumerate(node.engines[:MOST_ENGINES])
    )
    name = fit(node.name, inner * 0.55)
    return NodeSpot(
        row=node,
        x=x,
        y=y,
        width=width,
        height=top - y + len(engines) * ENGINE + INSET / 2,
        title=name,
        state=fit(node.state, inner - 30 - len(name) * LETTER * 1.15 - 90),
        devices=devices,
        engines=engines,
        more=len(node.devices) - len(shown) + len(node.engines) - len(engines),
    )


def _place_device(one: DeviceRow, x: float, y: float, width: float) -> DeviceSpot:
    return DeviceSpot(row=one, x=x, y=y, width=width, label=fit(one.ref.rpartition("/")[2], width - 64))


def _place_engine(one: EngineRow, x: float, y: float, width: float) -> EngineSpot:
    title = fit(one.title, width * 0.5)
    told = ", ".join(model.name for model in one.models) or one.state * (one.status is not Status.OK)
    left = width - 22 - len(title) * LETTER - 60
    return EngineSpot(row=one, x=x, y=y, title=title, models=fit(told, left))


def _states(nodes: Iterable[NodeRow]) -> dict[str, Status]:
    """How each replica is, by its id. Where a node is not well and none of its engines is why, all on it are down."""
    found: dict[str, Status] = {}
    for node in nodes:
        away = node.status is Status.CRITICAL and all(one.status is not Status.CRITICAL for one in node.engines)
        for one in node.engines:
            found[one.ref.removeprefix("engine:")] = max(one.status, Status(node.status * away))
    return found


def _place_routes(
    routes: Mapping[str, Iterable[str]], states: Mapping[str, Status], height: float
) -> Iterable[RouteSpot]:
    names = sorted(routes)[:MOST_ROUTES]
    step = max(ROUTE + 6, min(ROUTE * 2.0, height / max(1, len(names))))
    for place, name in enumerate(names):
        found = [states.get(one, Status.UNKNOWN) for one in routes[name]]
        well = sum(one <= Status.WARNING for one in found)
        yield RouteSpot(
            name=name,
            label=fit(name, ROUTES - 62),
            y=place * step,
            well=well,
            replicas=len(found),
            status=judge_route(found),
        )


def judge_route(replicas: Sequence[Status]) -> Status:
    """Well with all replicas, a warning without some, critical without any."""
    if not replicas or min(replicas) is Status.CRITICAL:
        return Status.CRITICAL
    if max(replicas) is Status.CRITICAL:
        return Status.WARNING
    return max(replicas)


def _draw_links(
    drawn: Iterable[RouteSpot], routes: Mapping[str, Iterable[str]], nodes: Iterable[NodeSpot]
) -> Iterable[Link]:
    ends = {
        engine.row.ref.removeprefix("engine:"): (node.x, engine.y + ENGINE / 2, engine.row.status)
        for node in nodes
        for engine in node.engines
    }
    for route in drawn:
        for replica in routes[route.name]:
            if replica in ends:
                x, y, status = ends[replica]
                yield Link(x1=ROUTES, y1=route.y + ROUTE / 2, x2=x, y2=y, status=status)


def fit(text: str, width: float) -> str:
    """Text made harmless and cut to so many units, roughly."""
    letters = max(0, int(width / LETTER))
    if letters < 2:
        return ""
    return clean(text, letters)
