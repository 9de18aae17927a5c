"""What tests of steps that keep wishes share: look, compare, make the changes, look again, take them back."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from keepwell.conform.actions import perform
from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing
from keepwell.plugins.wish import Drift, Keeps, Looked, Wish
from keepwell.testing.rooted import RootedNode
from keepwell.transport.entries import ENTRY_BYTES, find_entry


async def look_for(keeps: Keeps, wish: Wish, node: RootedNode) -> Looked:
    """What a step gets to see of this node now."""
    return await look([partial(keeps.needs, wish)], node)


async def find_drift(keeps: Keeps, wish: Wish, node: RootedNode) -> Drift:
    """What differs on this node now."""
    drift = keeps.compare(wish, await look_for(keeps, wish, node))
    assert not isinstance(drift, Missing), drift
    return drift


async def make(drift: Drift, node: RootedNode) -> None:
    """Make its changes, and what makes them take effect."""
    for change in drift.changes:
        await perform(change.do, node)
    for activation in drift.activate:
        await perform(activation, node)


async def take_back(drift: Drift, node: RootedNode) -> None:
    """Undo its changes, the last one first."""
    for change in reversed(drift.changes):
        assert change.undo is not None, change.irreversible
        await perform(change.undo, node)


async def prove(keeps: Keeps, wish: Wish, node: RootedNode) -> Drift:
    """Make the wish true: afterwards nothing differs; taken back, every byte, mode and time is as before; made again,
    it is true again. Gives what differed first.
    """
    before = snapshot(node.root)
    drift = await find_drift(keeps, wish, node)
    assert drift.changes
    await make(drift, node)
    assert (await find_drift(keeps, wish, node)).same
    await take_back(drift, node)
    assert snapshot(node.root) == before
    await make(await find_drift(keeps, wish, node), node)
    again = await find_drift(keeps, wish, node)
    assert (again.changes, again.problem) == ((), "")
    return drift


def snapshot(root: Path) -> dict[str, tuple[object, ...]]:
    """All that can be told of a tree: kinds, contents, targets, modes, owners, times, attributes."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [root, *sorted(root.rglob("*"))]:
        one = find_entry(str(path), ENTRY_BYTES)
        told = (one.kind, one.content, one.target, one.mode, one.uid, one.gid, one.modified_ns, one.attributes)
        found[str(path)] = told
    return found
