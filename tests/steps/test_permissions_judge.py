"""What is looser than it ought to be: no right is ever added, and what was corrected is right."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from keepwell.formats.found_files import FoundFile
from keepwell.steps.permissions.judge import Rules, below, correct, judge_tree

PATHS = st.sampled_from(["/t", "/t/a", "/t/a/b", "/t/.env", "/t/ab"])
FILES = st.builds(
    FoundFile,
    path=PATHS,
    kind=st.sampled_from("fdls"),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2),
    gid=st.integers(0, 2),
    names=st.integers(1, 2),
    inode=st.integers(1, 3),
)
RULES = st.builds(
    Rules,
    uid=st.integers(-1, 1),
    gid=st.integers(-1, 1),
    files=st.integers(0, 0o777),
    folders=st.integers(0, 0o777),
    set_id=st.frozensets(PATHS, max_size=1),
    secrets=st.frozensets(PATHS, max_size=2),
)


@given(FILES, RULES)
def test_rights_are_only_taken_and_once_is_enough(found: FoundFile, rules: Rules) -> None:
    made = correct(found, rules)
    if made is None:
        return
    assert found.kind in "fd"
    assert not made.wished.mode & ~found.mode
    assert made.why
    assert correct(made.wished, rules) is None
    if found.kind == "f":
        assert not made.wished.mode & 0o002
        assert not made.wished.mode & ~(rules.files | 0o7000)
        assert found.path in rules.set_id or not made.wished.mode & 0o6000
    assert replace(made.wished, mode=found.mode, uid=found.uid, gid=found.gid) == found


@given(st.lists(FILES, max_size=6), RULES)
def test_a_file_of_several_names_is_corrected_once_or_left(files: list[FoundFile], rules: Rules) -> None:
    verdict = judge_tree(files, rules)
    inodes = [one.found.inode for one in verdict.corrections if one.found.kind == "f" and one.found.names > 1]
    assert len(inodes) == len(set(inodes))
    assert not {one.found.path for one in verdict.corrections if one.found.kind not in "fd"}


@given(st.lists(FILES, max_size=6), st.lists(PATHS, max_size=2))
def test_exceptions_hold_for_all_below(files: list[FoundFile], excepted: list[str]) -> None:
    for one in below(files, excepted):
        assert not any(f"{one.path}/".startswith(f"{path}/") for path in excepted)
