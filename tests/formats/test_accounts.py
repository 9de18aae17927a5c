"""Accounts and groups: what stands in a line comes back, and no text breaks the reader."""

from __future__ import annotations

import pwd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.formats.accounts import Account, Group, parse_groups, parse_passwd

WORDS = st.text(st.characters(codec="utf-8", exclude_characters=":\n\r,"), max_size=12)
NAMES = WORDS.filter(lambda one: bool(one) and one[0] not in "+-#")
NUMBERS = st.integers(0, 2**32 - 1)


@given(st.lists(st.builds(Account, name=NAMES, uid=NUMBERS, gid=NUMBERS, comment=WORDS, home=WORDS, shell=WORDS)))
def test_accounts_come_back(accounts: list[Account]) -> None:
    lines = [f"{one.name}:x:{one.uid}:{one.gid}:{one.comment}:{one.home}:{one.shell}\n" for one in accounts]
    first = {one.name: one for one in reversed(accounts)}
    assert {one.name: one for one in parse_passwd("".join(lines).encode())} == first


@given(st.lists(st.builds(Group, name=NAMES, gid=NUMBERS, members=st.lists(WORDS.filter(bool)).map(tuple))))
def test_groups_come_back(groups: list[Group]) -> None:
    lines = [f"{one.name}:x:{one.gid}:{','.join(one.members)}\n" for one in groups]
    assert {one.name: one for one in parse_groups("".join(lines).encode())} == {one.name: one for one in groups[::-1]}


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    assert all(one.uid >= 0 for one in parse_passwd(content))
    assert all(one.gid >= 0 for one in parse_groups(content))


def test_this_machine_is_read_as_the_system_reads_it() -> None:
    with open("/etc/passwd", "rb") as file:
        found = {one.name: (one.uid, one.gid, one.home, one.shell) for one in parse_passwd(file.read())}
    assert found["root"] == (0, 0, pwd.getpwnam("root").pw_dir, pwd.getpwnam("root").pw_shell)
    assert (
        found.items()
        <= {one.pw_name: (one.pw_uid, one.pw_gid, one.pw_dir, one.pw_shell) for one in pwd.getpwall()}.items()
    )


@pytest.mark.parametrize(
    ("uid", "shell", "person"),
    [
        (1000, "/bin/bash", True),
        (1000, "", True),
        (1000, "/usr/sbin/nologin", False),
        (999, "/bin/bash", False),
        (65534, "/bin/sh", False),
    ],
)
def test_who_is_a_person(uid: int, shell: str, person: bool) -> None:
    assert Account(name="a", uid=uid, gid=1, shell=shell).person is person
