"""What clients left with the gateway: there once it is whole, gone once it is let go of, whoever died between."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.errors import DamagedError, NotThere, TooLarge
from keepwell.store.desk import ENDED, Desk, DeskBatch, DeskFile, find_unfinished, make_id
from keepwell.store.desk_door import DeskDoor, load_desk_door, remove_desk_door, save_desk_door

BATCH = DeskBatch(
    id=make_id("batch_"),
    owner="ada",
    endpoint="/v1/embeddings",
    input_file_id="file-1",
    window="24h",
    created_at=1,
    expires_at=2,
)


def make_desk(state: Path) -> Desk:
    """An open one."""
    desk = Desk(state)
    desk.open()
    return desk


def add(desk: Desk, content: bytes, owner: str = "ada", made_at: int = 1) -> DeskFile:
    """A file with this content."""
    found = DeskFile(
        id=make_id("file-"), owner=owner, name="in.jsonl", purpose="batch", size=len(content), made_at=made_at
    )
    beside = desk.incoming / f"{found.id}.part"
    beside.write_bytes(content)
    desk.add_file(beside, found)
    return found


def test_files_are_there_the_newest_first_until_they_are_removed(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    first, second = add(desk, b"one", made_at=1), add(desk, b"two", made_at=2)
    assert list(make_desk(tmp_path).files()) == [second, first]
    assert desk.path(first.id).read_bytes() == b"one"
    assert desk.path(first.id).stat().st_mode & 0o777 == 0o600
    desk.remove_file(first.id)
    with pytest.raises(NotThere):
        desk.remove_file(first.id)
    assert [one.id for one in desk.files()] == [second.id]


def test_what_a_killed_process_left_half_made_is_swept(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    whole = add(desk, b"whole")
    (desk.incoming / f"{make_id('file-')}.part").write_bytes(b"half an upload")
    desk.path(make_id("file-")).write_bytes(b"bytes of which nothing is known")
    desk.open()
    assert sorted(one.name for one in desk.incoming.iterdir()) == [f"{whole.id}.data", f"{whole.id}.json"]


@pytest.mark.parametrize("name", ["", "../keys", "file-1", "file-" + "0" * 24 + "/..", "file-" + "0" * 24])
def test_a_name_that_is_none_is_not_there(tmp_path: Path, name: str) -> None:
    desk = make_desk(tmp_path)
    for ask in (desk.get_file, desk.get_batch, desk.remove_file):
        with pytest.raises(NotThere):
            ask(name)


def test_a_batch_changes_and_tells_when_it_came_to_each_status(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    desk.save_batch(BATCH)
    assert find_unfinished(tmp_path)
    assert desk.change(BATCH.id, completed=3).times == {}
    changed = desk.change(BATCH.id, status="completed", output_file_id="file-2")
    assert (changed.completed, changed.times.keys(), changed.status in ENDED) == (3, {"completed"}, True)
    assert make_desk(tmp_path).get_batch(BATCH.id) == changed
    assert not find_unfinished(tmp_path)


def test_a_damaged_record_hides_no_other(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    kept, spoilt = add(desk, b"a"), add(desk, b"b")
    (desk.incoming / f"{spoilt.id}.json").write_bytes(b"{")
    assert [one.id for one in desk.files()] == [kept.id]
    with pytest.raises(DamagedError):
        desk.get_file(spoilt.id)
    with pytest.raises(TooLarge):
        desk.require_room(1 << 60)


def test_where_the_desk_is(tmp_path: Path) -> None:
    assert load_desk_door(tmp_path) is None
    save_desk_door(tmp_path, DeskDoor(port=1, secret="s"))
    assert load_desk_door(tmp_path) == DeskDoor(port=1, secret="s")
    (tmp_path / "desk" / "door.json").write_bytes(b"{")
    with pytest.raises(DamagedError):
        load_desk_door(tmp_path)
    remove_desk_door(tmp_path)
    assert load_desk_door(tmp_path) is None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXT, st.dictionaries(TEXT, TEXT, max_size=3), st.integers(0, 1 << 40))
@settings(max_examples=30, deadline=None)
def test_a_batch_is_read_back_as_it_was_kept(
    tmp_path_factory: pytest.TempPathFactory, owner: str, metadata: dict[str, str], total: int
) -> None:
    desk = Desk(tmp_path_factory.getbasetemp() / "kept")
    desk.open()
    desk.save_batch(BATCH)
    changed = desk.change(BATCH.id, owner=owner, metadata=metadata, total=total)
    assert desk.get_batch(BATCH.id) == changed
    assert (changed.owner, changed.metadata, changed.total) == (owner, metadata, total)
