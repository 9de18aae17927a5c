"""What lies below a folder: links kept within, followed out of it, second names known; and what a copy lacks."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.conform.models.tree import Thing, Tree, compare, find_conflict, is_part, sum_taken, walk
from keepwell.core.errors import NotThere, RefusedError
from keepwell.transport.local import LocalTransport


@pytest.fixture
async def hands() -> AsyncIterator[LocalTransport]:
    made = LocalTransport()
    yield made
    await made.close()


async def test_links_within_are_links_and_links_out_of_it_are_what_they_lead_to(
    hands: LocalTransport, tmp_path: Path
) -> None:
    root, outside = tmp_path / "store", tmp_path / "other disk"
    (root / "snapshots").mkdir(parents=True)
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "blob").write_bytes(b"far")
    (root / "own").write_bytes(b"near")
    os.link(root / "own", root / "second")
    (root / "blobs").symlink_to(outside)
    (root / "single").symlink_to(outside / "deep" / "blob")
    (root / "snapshots" / "model").symlink_to("../own")
    (root / "absolute").symlink_to(root / "own")
    (outside / "deep" / "again").symlink_to("blob")
    (outside / "deep" / "up").symlink_to("../../store/own")
    (root / "nowhere").symlink_to("/no/such/file")
    os.mkfifo(root / "pipe")
    tree = await walk(str(root), hands)
    kinds = {path: (one.kind, one.target, one.twin) for path, one in tree.things.items()}
    assert kinds == {
        "": ("folder", "", ""),
        "absolute": ("link", "own", ""),
        "blobs": ("folder", "", ""),
        "blobs/deep": ("folder", "", ""),
        "blobs/deep/again": ("link", "blob", ""),
        "blobs/deep/blob": ("file", "", ""),
        "blobs/deep/up": ("link", "../../own", ""),
        "nowhere": ("link", "/no/such/file", ""),
        "own": ("file", "", ""),
        "second": ("file", "", "own"),
        "single": ("file", "", ""),
        "snapshots": ("folder", "", ""),
        "snapshots/model": ("link", "../own", ""),
    }
    assert tree.passed_over == ("pipe",)
    assert [one.path for one in tree.files] == ["own", "blobs/deep/blob", "single", "second"]


async def test_what_cannot_be_walked_is_said(hands: LocalTransport, tmp_path: Path) -> None:
    with pytest.raises(NotThere):
        await walk(str(tmp_path / "none"), hands)
    (tmp_path / "file").write_text("x")
    with pytest.raises(RefusedError, match="no folder"):
        await walk(str(tmp_path / "file"), hands)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "to").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    assert (await walk(str(tmp_path / "a"), hands)).things["to/up/a/to"].target == "../.."


THINGS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d/e"]),
    st.builds(
        Thing,
        path=st.just(""),
        kind=st.sampled_from(["folder", "file", "link"]),
        size_bytes=st.integers(0, 2),
        taken_bytes=st.integers(0, 2),
        modified_at=st.sampled_from([1.0, 2.0]),
        target=st.sampled_from(["", "x"]),
    ),
)


def tree_of(things: dict[str, Thing]) -> Tree:
    return Tree(root="/r", things={path: replace(one, path=path) for path, one in things.items()})


@given(THINGS, THINGS)
def test_what_is_lacking_makes_both_the_same(wished: dict[str, Thing], there: dict[str, Thing]) -> None:
    one, other = tree_of(wished), tree_of(there)
    lacking = compare(one, other)
    if find_conflict(one, other):
        return
    made = {**other.things, **{new.path: new for new in (*lacking.folders, *lacking.links, *lacking.files)}}
    for gone in lacking.gone:
        del made[gone.path]
    assert compare(one, replace(other, things=made)).nothing
    assert compare(one, one).nothing
    assert sum_taken(lacking.files) <= sum_taken(one.files)


def test_a_copy_that_is_not_whole_is_known_by_its_name() -> None:
    assert is_part("blobs/.sha256-ab.keepwell-part")
    assert not is_part("blobs/sha256-ab")
