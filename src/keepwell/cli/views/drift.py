"""`keepwell drift` on a screen: what differs of each node, before and after; what is kept; what cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from keepwell.app.desired.report import Between, DriftReport, NodeDrift, Planned, WishState
from keepwell.app.unreached import Unreached
from keepwell.cli.words import clean
from keepwell.conform.desired.portrait import Difference

_SIGNS = {
    "same": ("✓", "green"),
    "differs": ("!", "yellow"),
    "problem": ("!", "yellow"),
    "decided": ("=", "cyan"),
    "untold": ("?", "cyan"),
}
#: Columns of what belongs to a node, to a wish, to a change.
_NODE, _WISH, _CHANGE = (0, 0, 0, 2), (0, 0, 0, 4), (0, 0, 0, 6)


def render(report: DriftReport) -> RenderableType:
    """Every node, or what was compared."""
    parts: list[RenderableType] = []
    for node in report.nodes:
        parts += _node(node)
    for pair in report.between:
        parts += _between(pair)
    parts += [line for one in report.unreached for line in _unreached(one)]
    parts += [_source(one.repository, one.revision, one.commit) for one in report.revisions]
    return Group(*parts)


def render_left(nodes: Iterable[NodeDrift], unreached: Iterable[Unreached]) -> list[RenderableType]:
    """The wishes of nodes that no plan fulfils, and the nodes that could not be looked at."""
    parts: list[RenderableType] = []
    for node in nodes:
        if node.wishes:
            parts.append(Text(clean(node.node), style="bold"))
            parts += [line for one in node.wishes for line in _wish(one)]
    return parts + [line for one in unreached for line in _unreached(one)]


def _node(node: NodeDrift) -> Iterator[RenderableType]:
    as_wished = sum(one.state == "same" for one in node.wishes)
    words = f"{as_wished} of {len(node.wishes)} as wished"
    yield Text.assemble((clean(node.node), "bold"), f"  {words}  ", (f"{node.seconds:.2f} s", "dim"))
    for one in node.wishes:
        yield from _wish(one)
    if any(one.changes for one in node.wishes if one.state in ("differs", "problem")):
        yield _line(f"plan it: keepwell plan {clean(node.node)}", _NODE, "green")


def _wish(one: WishState) -> Iterator[RenderableType]:
    mark, style = _SIGNS[one.state]
    yield Padding(Text.assemble((mark, style), f" {clean(one.label)}"), _NODE, expand=False)
    if one.state != "same":
        if one.state != "untold":
            yield _line(f"{clean(one.before)} → {clean(one.after)}", _WISH)
        if one.why:
            yield _line(clean(one.why, 1000), _WISH, style)
        for change in one.changes:
            yield from _change(change, alone=(change.before, change.after) == (one.before, one.after))
    for word in one.kept:
        yield _line(f"kept: {clean(word, 1000)}", _WISH, "dim")


def _change(change: Planned, *, alone: bool) -> Iterator[RenderableType]:
    """A change; nothing of one that says what was said already."""
    if not alone:
        yield _line(f"{clean(change.what)}: {clean(change.before)} → {clean(change.after)}", _CHANGE)
    if change.interrupts:
        yield _line(f"stops {clean(change.interrupts)}", _CHANGE, "yellow")


def _between(pair: Between) -> Iterator[RenderableType]:
    yield Text.assemble((clean(pair.before), "bold"), " → ", (clean(pair.after), "bold"), f"  {pair.compared} compared")
    label = ""
    for one in pair.differences:
        if one.label != label:
            label = one.label
            yield Padding(Text.assemble(("!", "yellow"), f" {clean(label)}"), _NODE, expand=False)
        yield _difference(one)
    if not pair.differences:
        yield _line("no difference", _NODE, "green")


def _difference(one: Difference) -> RenderableType:
    before, after = (clean(word) or "–" for word in (one.before, one.after))
    return _line(f"{clean(one.key)}: {before} → {after}", _WISH)


def _unreached(one: Unreached) -> Iterator[RenderableType]:
    yield Text.assemble(("?", "cyan"), " ", (clean(one.node), "bold"), f"  {clean(one.what, 1000)}")
    for word, text in (("at", one.where), ("by", one.command), ("next", one.hint)):
        if text:
            yield _line(f"{word}: {clean(text, 1000)}", _WISH, "dim")


def _source(repository: str, revision: str, commit: str) -> RenderableType:
    return Text(f"from {clean(repository)} at {clean(revision)}: {clean(commit)}", style="dim")


def _line(text: str, indent: tuple[int, int, int, int], style: str = "") -> RenderableType:
    return Padding(Text(text, style=style), indent, expand=False)
