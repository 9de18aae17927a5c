"""Any plan, broken off anywhere and taken back, leaves a tree as it was: bytes, owner, mode, times, attributes."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.conform.execute import make_change
from keepwell.conform.undo import undo
from keepwell.core.entry import ABSENT, Entry, is_torn
from keepwell.core.errors import AccessError, RefusedError
from keepwell.core.step import Change, Plan, Put, Rename, reverse
from keepwell.transport.entries import ENTRY_BYTES, find_entry
from keepwell.transport.local import LocalTransport
from tests.conform.kit import NODE, SUBJECT, change, open_bench

#: An instant that no test runs at, so that a time that is not put back is seen.
LONG_AGO = 1_000_000_000 * 10**9
NAMES = ("file", "twin", "link", "folder", "folder/inner", "folder/deep", "new", "new/inner", "large")
ATTRIBUTE = "user.keepwell"


def make_tree(root: Path, attributes: bool) -> None:
    """Something of everything, last changed long ago."""
    folder = root / "folder"
    (folder / "deep").mkdir(parents=True)
    (root / "file").write_bytes(b"A=1\r\n\xff\x00")
    (root / "file").chmod(0o640)
    os.link(root / "file", root / "twin")
    (root / "link").symlink_to("folder/inner")
    (folder / "inner").write_bytes(b"inner")
    (root / "large").write_bytes(b"large")
    if attributes:
        os.setxattr(root / "file", ATTRIBUTE, b"\x00one")
        os.setxattr(folder, ATTRIBUTE, b"two")
    for path in sorted(root.rglob("*"), reverse=True):
        os.utime(path, ns=(LONG_AGO, LONG_AGO + len(str(path))), follow_symlinks=False)
    os.utime(root, ns=(LONG_AGO, LONG_AGO))


def look(root: Path) -> dict[str, tuple[object, ...]]:
    """All that can be told of a tree; inodes only as far as they are shared."""
    found: dict[str, tuple[object, ...]] = {}
    first: dict[int, str] = {}
    for path in [root, *sorted(root.rglob("*"))]:
        entry = find_entry(str(path), ENTRY_BYTES)
        told = (entry.kind, entry.content, entry.target, entry.mode, entry.uid, entry.gid, entry.modified_ns)
        found[str(path)] = (*told, entry.attributes, first.setdefault(path.lstat().st_ino, str(path)))
    return found


def has_attributes(folder: Path) -> bool:
    """Whether this file system keeps attributes of the user."""
    try:
        os.setxattr(folder, ATTRIBUTE, b"x")
        os.removexattr(folder, ATTRIBUTE)
    except OSError:
        return False
    return True


wishes = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from((0o600, 0o644, 0o755, 0o2750, 0o4755)),
        "modified_ns": st.just(LONG_AGO + 5),
        "attributes": st.sampled_from(((), ((ATTRIBUTE, b"\x01"),))),
        "owner": st.just(12345),
    },
)
contents = st.one_of(st.none(), st.binary(max_size=30))
steps = st.tuples(st.sampled_from(NAMES), st.sampled_from(("file", "folder", "link", "absent")), contents, wishes)


def plan_one(root: Path, step: tuple[str, str, bytes | None, dict[str, Any]], attributes: bool) -> Put:
    """The change to what lies there now."""
    name, kind, content, wished = step
    path = str(root / name)
    before = find_entry(path, ENTRY_BYTES)
    wished = dict(wished)
    if "owner" in wished:
        owner = wished.pop("owner")
        wished |= {"uid": owner, "gid": owner} if os.geteuid() == 0 else {}
    if not attributes or kind == "link":
        wished.pop("attributes", None)
    if kind == "link":
        return Put(path=path, before=before, after=Entry(kind="link", target="elsewhere", **wished))
    if kind == "folder":
        return Put(path=path, before=before, after=Entry(kind="folder", **wished))
    if kind == "absent":
        return Put(path=path, before=before, after=ABSENT)
    return Put(path=path, before=before, after=Entry(kind="file", content=content, **wished))


def make_plan(changes: Sequence[Change]) -> Plan:
    return Plan(step="some", check="some.check", subject=SUBJECT, why="test", changes=tuple(changes))


@contextmanager
def tree() -> Iterator[tuple[Path, bool]]:
    folder = Path(tempfile.mkdtemp(prefix="keepwell-exact-"))
    try:
        attributes = has_attributes(folder)
        make_tree(folder / "world", attributes)
        yield folder, attributes
    finally:
        shutil.rmtree(folder)


async def change_and_take_back(folder: Path, drawn: Sequence[Any], cut: int, attributes: bool) -> int:
    """Plan each step against the world that the one before leaves; then all again from a fresh world, up to `cut`."""
    root = folder / "world"
    hands = LocalTransport(NODE)
    done: list[Change] = []
    for step in drawn:
        put = plan_one(root, step, attributes)
        try:
            await hands.put(put.path, put.after)
        except AccessError:
            continue  # a folder that is not empty, something in the way: no plan would say so
        done.append(change(put.path, put, reverse(put)))
    await hands.close()
    shutil.rmtree(root)
    make_tree(root, attributes)
    before = look(root)
    plan = make_plan(done)
    async with open_bench(plan, folder / "state") as bench:
        for number in range(min(cut, len(done))):
            await make_change(plan, number, bench)
        assert (await undo(plan, bench)).state == "undone"
    assert look(root) == before
    return len(done)


@settings(max_examples=120, deadline=None)
@given(st.lists(steps, max_size=6, unique_by=lambda one: one[0].replace("twin", "file")), st.integers(0, 6))
def test_any_plan_taken_back_anywhere_leaves_no_trace(drawn: list[Any], cut: int) -> None:
    with tree() as (folder, attributes):
        asyncio.run(change_and_take_back(folder, drawn, cut, attributes))


async def test_a_path_that_is_changed_twice_is_taken_back_twice(tmp_path: Path) -> None:
    root = tmp_path / "world"
    make_tree(root, False)
    before = look(root)
    path = str(root / "folder" / "inner")
    first = Put(path=path, before=find_entry(path, ENTRY_BYTES), after=Entry(kind="file", content=b"one"))
    second = Put(path=path, before=first.after, after=Entry(kind="file", content=b"two"))
    plan = make_plan([change(path, one, reverse(one)) for one in (first, second)])
    async with open_bench(plan, tmp_path / "state") as bench:
        for number in range(2):
            await make_change(plan, number, bench)
        assert (await undo(plan, bench)).state == "undone"
    assert look(root) == before


async def test_a_file_with_two_names_keeps_them(tmp_path: Path) -> None:
    make_tree(tmp_path / "world", False)
    file = str(tmp_path / "world" / "file")
    put = Put(path=file, before=find_entry(file, ENTRY_BYTES), after=Entry(kind="file", content=b"other"))
    plan = make_plan([change(file, put, reverse(put))])
    async with open_bench(plan, tmp_path / "state") as bench:
        await make_change(plan, 0, bench)
        assert (tmp_path / "world" / "twin").read_bytes() == b"other"


async def test_what_is_too_large_for_a_plan_gets_another_name_and_back(tmp_path: Path) -> None:
    root = tmp_path / "world"
    make_tree(root, False)
    before = look(root)
    rename = Rename(path=str(root / "large"), target=str(root / "folder" / "deep" / "large"))
    times = root.stat().st_mtime_ns, (root / "folder" / "deep").stat().st_mtime_ns
    plan = make_plan([change(rename.path, rename, reverse(rename, times))])
    async with open_bench(plan, tmp_path / "state") as bench:
        await make_change(plan, 0, bench)
        assert (root / "folder" / "deep" / "large").read_bytes() == b"large"
        assert (await undo(plan, bench)).state == "undone"
    assert look(root) == before


async def test_what_somebody_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    make_tree(tmp_path / "world", False)
    path = tmp_path / "world" / "folder" / "inner"
    put = Put(path=str(path), before=find_entry(str(path), ENTRY_BYTES), after=Entry(kind="file", content=b"new"))
    plan = make_plan([change(str(path), put, reverse(put))])
    async with open_bench(plan, tmp_path / "state") as bench:
        await make_change(plan, 0, bench)
        path.write_bytes(b"somebody else's")
        with pytest.raises(RefusedError):
            await undo(plan, bench)
    assert path.read_bytes() == b"somebody else's"


@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(0, 40))
def test_a_write_in_its_place_that_was_cut_off_is_known_as_such(old: bytes, new: bytes, cut: int) -> None:
    before, after = Entry(kind="file", content=old), Entry(kind="file", content=new)
    here = new[:cut] + old[min(cut, len(new)) :]
    assert is_torn(Entry(kind="file", content=here), before, after)
    assert not is_torn(Entry(kind="file", content=b"\x00" + here + b"\x01" * 50), before, after) or not old
