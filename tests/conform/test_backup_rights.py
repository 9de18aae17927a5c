"""A file of which only rights change is not copied: it may be large, or the secret that is being closed."""

from __future__ import annotations

from keepwell.conform.backup import find_touched
from keepwell.core.entry import ABSENT, Entry
from keepwell.core.step import Plan, Put, SetMode, SetOwner
from tests.conform.kit import SUBJECT, change


def plan(*actions: SetMode | SetOwner | Put) -> Plan:
    changes = tuple(change(one.path, one, one) for one in actions)
    return Plan(step="some", check="some.check", subject=SUBJECT, why="test", changes=changes)


def test_only_what_is_written_is_read() -> None:
    put = Put(path="/a", before=ABSENT, after=Entry(kind="file", content=b"x"))
    mode, owner = SetMode(path="/b", mode=0o600), SetOwner(path="/c", uid=0, gid=0)
    assert find_touched(plan(mode, owner, put)) == {"/b": False, "/c": False, "/a": True}
    assert find_touched(plan(put, SetMode(path="/a", mode=0o600))) == {"/a": True}
    assert find_touched(plan(SetMode(path="/a", mode=0o600), put)) == {"/a": True}
