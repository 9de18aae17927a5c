"""Reading a tree: nothing twice, nothing outside, and a count of what was passed over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keepwell.audit.document import Source
from keepwell.audit.walk import FILE_BYTES, Walked, decode, list_files, read_file
from keepwell.core.errors import NotThere


def walk(root: Path, *, tests: bool = False) -> tuple[list[Source], Walked]:
    walked = Walked()
    made = [read_file(one, one.relative_to(root).as_posix(), walked, tests=tests) for one in list_files(root, walked)]
    return [one for one in made if one is not None], walked


def test_what_others_wrote_and_what_is_no_text_is_counted(tmp_path: Path) -> None:
    for folder in (".git", "node_modules/x", "env/lib", "src"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.py").write_text("x")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "b.bin").write_bytes(b"a\0b")
    (tmp_path / "README.md").write_text("x")
    (tmp_path / "big.py").write_bytes(b"x" * (FILE_BYTES + 1))
    (tmp_path / "test_a.py").write_text("x")
    found, walked = walk(tmp_path)
    assert [one.path for one in found] == ["src/a.py"]
    assert walked.folders == {".git": 1, "node_modules": 1, "env": 1}
    assert dict(walked.skipped) == {
        "binary": 1,
        "texts for people and lock files": 1,
        "too large": 1,
        "tests (--tests reads them)": 1,
    }
    assert {one.path for one in walk(tmp_path, tests=True)[0]} == {"src/a.py", "test_a.py"}


def test_links_are_not_followed_and_loops_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "x.py").write_text("x")
    (tmp_path / "a" / "self.py").symlink_to("self.py")
    (tmp_path / "a" / "out.py").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "a" / "pipe.py")
    found, walked = walk(tmp_path)
    assert [one.path for one in found] == ["a/x.py"]
    assert walked.skipped["links"] == 3
    assert walked.skipped["no files"] == 1


def test_what_vanishes_or_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x")
    walked = Walked()
    names = list_files(tmp_path, walked)
    path.unlink()
    assert read_file(names[0], "a.py", walked) is None
    assert walked.unreadable == [("a.py", "No such file or directory")]
    with pytest.raises(NotThere):
        list_files(tmp_path / "none", walked)


def test_odd_encodings_are_read_and_known_for_what_they_are() -> None:
    assert decode("é".encode()) == ("é", True)
    assert decode("OLLAMA_HOST=é".encode("latin-1")) == ("OLLAMA_HOST=é", False)
    assert decode("a=b".encode("utf-16")) == ("\ufeffa=b", False) or decode("a=b".encode("utf-16"))[0].endswith("a=b")
    assert decode(b"\xff\xfe\x00")[1] is False


def test_one_file_is_a_tree_of_one(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x")
    assert list_files(path, Walked()) == [path]
