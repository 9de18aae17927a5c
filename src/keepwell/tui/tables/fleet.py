"""Nodes and their devices: as a tree, or devices alone."""

from __future__ import annotations

from keepwell.app.overview.model import DeviceRow, NodeRow, Overview
from keepwell.core.finding import Status
from keepwell.core.observation import Missing
from keepwell.tui.cells import BLANK, Cell, Column, Row, Table
from keepwell.tui.figures import LOAD_MUCH, LOAD_SOME, MEMORY_MUCH, MEMORY_SOME, Figures, share_of
from keepwell.tui.tables.signs import count, sign, text

COLUMNS = (
    Column(title="", width=1),
    Column(title="node / GPU", width=14, grows=True),
    Column(title="", width=8, rank=3),
    Column(title="load", width=5, right=True),
    Column(title="", width=8, rank=4),
    Column(title="memory", width=11, right=True),
    Column(title="heat", width=5, right=True, rank=1),
    Column(title="power", width=5, right=True, rank=1),
    Column(title="clock", width=6, right=True, rank=5),
)
EMPTY = "No node is known yet: keepwell init writes a keepwell.toml, keepwell up watches what is in it."


def make_fleet(overview: Overview, figures: Figures, *, tree: bool) -> Table:
    """Each node with its devices below it; `tree` False: devices alone, by their own order."""
    rows: list[Row] = []
    for node in overview.nodes:
        if tree or not node.devices:
            rows.append(_node(node, figures))
        rows += [_device(node, one, figures, tree=tree) for one in node.devices]
    devices = sum(len(node.devices) for node in overview.nodes)
    title = f"{count(len(overview.nodes), 'node')}, {count(devices, 'GPU')}"
    return Table(name="fleet", title=title, columns=COLUMNS, rows=tuple(rows), empty=EMPTY)


def _node(node: NodeRow, figures: Figures) -> Row:
    name = text(node.name, "bold")
    if node.state:
        name = Cell(f"{name.text}  {text(node.state).text}", "bold", name.order)
    memory = share_of(node.memory_used_bytes, node.memory_total_bytes)
    measured: float | Missing = memory
    if isinstance(node.memory_used_bytes, Missing):
        measured = node.memory_used_bytes
    return Row(
        key=node.ref,
        subject=node.ref,
        words=f"{node.system} {node.state}",
        cells=(
            sign(node.status, plain=figures.plain),
            name,
            figures.bar(node.ref, "load", node.processor_ratio, LOAD_SOME, LOAD_MUCH),
            figures.ratio(node.ref, "load", node.processor_ratio, LOAD_SOME, LOAD_MUCH),
            figures.bar(node.ref, "memory", measured, MEMORY_SOME, MEMORY_MUCH),
            figures.memory(node.ref, node.memory_used_bytes, node.memory_total_bytes),
            BLANK,
            BLANK,
            BLANK,
        ),
    )


def _device(node: NodeRow, one: DeviceRow, figures: Figures, *, tree: bool) -> Row:
    title = f"{'  ' * tree}{device_title(one)}"
    if not tree:
        title = f"{node.name} {title}"
    measured: float | Missing = share_of(one.memory_used_bytes, one.memory_total_bytes)
    if isinstance(one.memory_used_bytes, Missing):
        measured = one.memory_used_bytes
    mark = BLANK
    if not tree:
        mark = sign(node.status, plain=figures.plain)
    elif node.status is Status.UNKNOWN:
        mark = Cell("?", "unsure")
    return Row(
        key=one.ref,
        subject=one.ref,
        depth=int(tree),
        words=node.name,
        cells=(
            mark,
            Cell(text(title).text, "", (0.0, f"{node.name} {one.ref}")),
            figures.bar(one.ref, "load", one.utilisation_ratio, LOAD_SOME, LOAD_MUCH),
            figures.ratio(one.ref, "load", one.utilisation_ratio, LOAD_SOME, LOAD_MUCH),
            figures.bar(one.ref, "memory", measured, MEMORY_SOME, MEMORY_MUCH),
            figures.memory(one.ref, one.memory_used_bytes, one.memory_total_bytes),
            figures.heat(one.ref, one.temperature_celsius),
            figures.power(one.ref, one.power_watts),
            figures.clock(one.ref, one.clock_hertz),
        ),
    )


def device_title(one: DeviceRow) -> str:
    """What a person calls it: its number, and its name where that is known."""
    number = one.ref.rpartition("/")[2]
    if one.name == number:
        return f"GPU {number}"
    return f"{number} {one.name}"
