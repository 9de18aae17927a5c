"""Where state is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.core.errors import AccessError
from keepwell.store.folder import ROOT_FOLDER, find_state_folder, make_private_folder, write_private

HOME = Path("/home/ann")


@pytest.mark.parametrize(
    ("environment", "root", "expected"),
    [
        ({}, False, "/home/ann/.local/state/keepwell"),
        ({}, True, str(ROOT_FOLDER)),
        ({"XDG_STATE_HOME": "/x"}, False, "/x/keepwell"),
        ({"XDG_STATE_HOME": "/x"}, True, "/x/keepwell"),
        ({"XDG_STATE_HOME": "/x", "KEEPWELL_STATE": "/k"}, True, "/k"),
        ({"XDG_STATE_HOME": "", "KEEPWELL_STATE": "relative"}, False, "/home/ann/.local/state/keepwell"),
    ],
)
def test_first_that_is_set(environment: dict[str, str], root: bool, expected: str) -> None:
    assert find_state_folder(environment, home=HOME, root=root) == Path(expected)


def test_a_folder_that_cannot_be_made_says_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AccessError, match="KEEPWELL_STATE"):
        make_private_folder(tmp_path / "file" / "below")
    make_private_folder(tmp_path / "a" / "b")
    make_private_folder(tmp_path / "a" / "b")


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(tmp_path / "there", b"x")
    assert [one.name for one in tmp_path.iterdir()] == ["there"]
