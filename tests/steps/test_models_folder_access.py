"""Access to a models folder: what is planned, least change, and that it really lets the user in."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Observation, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import SetMode, SetOwner
from keepwell.steps.models_folder_access import STEP
from tests.conform.kit import NODE
from tests.steps.kit import finding, plan_of, round_trip, seeing

UID, GID = 65534, 65534
AS_USER = ["setpriv", f"--reuid={UID}", f"--regid={GID}", "--clear-groups"]

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away and act as another user")


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that any user can get to; pytest's own are shut to others as soon as another run of it begins."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def tree(place: Path) -> Path:
    """A store three folders deep that anybody may use."""
    store = place / "home" / "models"
    (store / "blobs").mkdir(parents=True)
    (store / "blobs" / "one").write_bytes(b"weights")
    place.chmod(0o755)
    return store


def can_use(store: Path) -> bool:
    """What the serving user can really do: read the file, write beside it."""
    read = subprocess.run([*AS_USER, "cat", str(store / "blobs" / "one")], capture_output=True, check=False)
    made = subprocess.run([*AS_USER, "touch", str(store / "blobs" / "two")], capture_output=True, check=False)
    return read.returncode == 0 == made.returncode


@root
@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        ([("home/models", 0, 0, 0o700)], [("home/models", "owner")]),
        ([("home/models/blobs", 0, 0, 0o755)], [("home/models/blobs", "owner")]),
        ([("home/models/blobs/one", 0, 0, 0o600)], [("home/models/blobs/one", "owner")]),
        ([("home/models/blobs/one", UID, GID, 0o000)], [("home/models/blobs/one", "mode")]),
        ([("home/models/blobs", 1234, GID, 0o700)], [("home/models/blobs", "mode")]),
        ([("home/models/blobs", 1234, 1234, 0o700)], [("home/models/blobs", "owner"), ("home/models/blobs", "mode")]),
        ([("home", 1234, 1234, 0o700)], [("home", "owner"), ("home", "mode")]),
        ([("home", 1234, 1234, 0o750)], [("home", "mode")]),
        (
            [("home", 0, 0, 0o700), ("home/models", 0, 0, 0o700)],
            [("home", "owner"), ("home", "mode"), ("home/models", "owner")],
        ),
    ],
)
async def test_the_user_gets_in_by_the_least_change(
    open_path: Path, tmp_path: Path, spoil: list[tuple[str, int, int, int]], expected: list[tuple[str, str]]
) -> None:
    store = tree(open_path)
    for path in [store, *store.rglob("*")]:
        os.chown(path, UID, GID)
    for name, uid, gid, mode in spoil:
        os.chown(open_path / name, uid, gid)
        (open_path / name).chmod(mode)
    assert not can_use(store)
    found = finding("store.readable", path=str(store), uid=str(UID), gid=str(GID), user="nobody")
    plan = await plan_of("models_folder_access", found, seeing())
    assert plan is not None
    done = [(change.subject.name.removeprefix(f"{open_path}/"), change.what) for change in plan.changes]
    assert done == expected
    await round_trip(plan, open_path, tmp_path / "journal")
    for change in plan.changes:
        if isinstance(change.do, SetOwner):
            os.chown(change.do.path, change.do.uid, change.do.gid)
        if isinstance(change.do, SetMode):
            os.chmod(change.do.path, change.do.mode)
    assert can_use(store)
    again = await plan_of("models_folder_access", found, seeing())
    assert again is not None
    assert again.changes == ()


@root
async def test_a_link_to_the_store_is_followed_and_the_folders_behind_it_too(tmp_path: Path) -> None:
    store = tree(tmp_path)
    (tmp_path / "link").symlink_to("home/models")
    store.chmod(0o700)
    (tmp_path / "home").chmod(0o700)
    found = finding("store.readable", path=str(tmp_path / "link"), uid=str(UID), gid=str(GID))
    plan = await plan_of("models_folder_access", found, seeing())
    assert plan is not None
    inside = [one.subject.name for one in plan.changes if one.subject.name.startswith(str(tmp_path))]
    assert str(tmp_path / "home") in inside
    assert str(store) in inside


async def test_without_a_user_there_is_no_plan(tmp_path: Path) -> None:
    found = finding("store.readable", path=str(tmp_path))
    assert await plan_of("models_folder_access", found, seeing()) is None


async def test_root_needs_nothing(tmp_path: Path) -> None:
    tree(tmp_path).chmod(0)
    found = finding("store.readable", path=str(tmp_path / "home" / "models"), uid="0", gid="0")
    plan = await plan_of("models_folder_access", found, seeing())
    assert plan is not None
    assert plan.changes == ()
    (tmp_path / "home" / "models").chmod(0o700)


FOLDERS = ("/", "/a", "/a/store", "/a/store/b")
IDS = st.sampled_from([0, 7, 8])


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(IDS, IDS, st.integers(0, 0o777)), min_size=5, max_size=5), st.sampled_from([0, 7]), IDS)
def test_afterwards_the_user_has_its_rights_and_others_have_no_more_than_search(
    rows: list[tuple[int, int, int]], uid: int, gid: int
) -> None:
    paths = (*FOLDERS, "/a/store/b/file")
    kinds = dict.fromkeys(FOLDERS, "directory") | {"/a/store/b/file": "file"}
    state = {path: [*row] for path, row in zip(paths, rows, strict=True)}
    found = finding("store.readable", path="/a/store", uid=str(uid), gid=str(gid))
    plan = STEP.plan(found, _seen(state, kinds))
    assert plan is not None
    before = {path: list(row) for path, row in state.items()}
    for change in plan.changes:
        if isinstance(change.do, SetOwner):
            state[change.do.path][:2] = [change.do.uid, change.do.gid]
        if isinstance(change.do, SetMode):
            state[change.do.path][2] = change.do.mode
    for path, (owner, group, mode) in state.items():
        added = (mode & ~before[path][2]) & 0o7
        assert added in (0, 1), "others may at most search"
        assert added == 0 or not path.startswith("/a/store")
        shift = {owner == uid: 6}.get(True, 3 * (group == gid))
        need = 4 if path.endswith("file") else 7 if path.startswith("/a/store") else 1
        assert uid == 0 or need & ~(mode >> shift) == 0
    assert [one for one in (STEP.plan(found, _seen(state, kinds)),) if one and one.changes] == []


def _seen(state: dict[str, list[int]], kinds: dict[str, str]) -> Seen:
    return Seen(
        Observation(
            subject=Ref("path", (NODE, path)),
            name="path.stat",
            value={"kind": kinds[path], "uid": row[0], "gid": row[1], "mode": row[2], "target": ""},
            at=1.0,
            source="test",
        )
        for path, row in state.items()
    )
