"""Setting one variable of a systemd unit: the value is right and every other byte stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.startfile import parse_unit_file, unit_assignments
from keepwell.formats.unit_environment import find_unit_variable, new_drop_in, set_unit_variable

NAME = "SOME_HOST"
UNIT = (
    b'[Unit]\nDescription=x\n\n[Service]\nExecStart=/bin/server\nEnvironment="PATH=/bin" "SOME_HOST=old"\n\n[Install]\n'
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (UNIT, UNIT.replace(b"=old", b"=new")),
        (b"[Service]\nEnvironment=SOME_HOST=old\n", b"[Service]\nEnvironment=SOME_HOST=new\n"),
        (b"[Service]\nEnvironment='SOME_HOST=old' B=2\n", b"[Service]\nEnvironment='SOME_HOST=new' B=2\n"),
        (b'[Service]\nEnvironment=SOME_HOST="old"\n', b'[Service]\nEnvironment=SOME_HOST="new"\n'),
        (b"[Service]\nEnvironment = SOME_HOST=old\n", b"[Service]\nEnvironment = SOME_HOST=new\n"),
        (
            b"[Service]\nEnvironment=SOME_HOST=1\nEnvironment=SOME_HOST=2\n",
            b"[Service]\nEnvironment=SOME_HOST=1\nEnvironment=SOME_HOST=new\n",
        ),
        (
            b"[Service]\r\nEnvironment=A=1 \\\r\n  \"SOME_HOST=old\" \\\r\n  B=2\r\nUser=x\r\n",
            b"[Service]\r\nEnvironment=A=1 \\\r\n  \"SOME_HOST=new\" \\\r\n  B=2\r\nUser=x\r\n",
        ),
        (
            b"[Service]\nEnvironment=SOME_HOST=old\nEnvironment=\nUser=x\n",
            b'[Service]\nEnvironment=SOME_HOST=old\nEnvironment=\nEnvironment="SOME_HOST=new"\nUser=x\n',
        ),
        (b"[Service]\nUser=x\n\n[Install]\n", b'[Service]\nUser=x\nEnvironment="SOME_HOST=new"\n\n[Install]\n'),
        (b"[Unit]\nEnvironment=A=1", b'[Unit]\nEnvironment=A=1\n[Service]\nEnvironment="SOME_HOST=new"\n'),
        (b"", b'[Service]\nEnvironment="SOME_HOST=new"\n'),
        (
            b'[Service]\n# Environment=SOME_HOST=no\nEnvironment="BAD\nEnvironment=SOME_HOST=old\n',
            b'[Service]\n# Environment=SOME_HOST=no\nEnvironment="BAD\nEnvironment=SOME_HOST=new\n',
        ),
    ],
)  # fmt: skip
def test_one_value_changes_and_nothing_else(before: bytes, after: bytes) -> None:
    assert set_unit_variable(before, NAME, "new") == after
    assert set_unit_variable(after, NAME, "new") == after
    assert find_unit_variable(after, NAME) == "new"


def test_a_drop_in_holds_nothing_else() -> None:
    assert new_drop_in("A", "x y") == b'[Service]\nEnvironment="A=x y"\n'


def test_a_percent_sign_is_doubled_because_systemd_expands_it() -> None:
    after = set_unit_variable(b"[Service]\n", "A", "100%")
    assert after == b'[Service]\nEnvironment="A=100%%"\n'
    assert find_unit_variable(after, "A") == "100%"


LINES = st.sampled_from(
    [
        b"", b"# c", b"[Service]", b"[Install]", b"User=x", b"Environment=", b"Environment=A=1 \"B=2 3\"",
        b"Environment=SOME_HOST=old", b"Environment='SOME_HOST=old one' C=3", b'Environment="open', b"rubbish",
        b"Environment=SOME_HOST='x' D=%h", b"\xff=\xfe", b"ExecStart=/bin/x SOME_HOST=no",
    ]
)  # fmt: skip
VALUES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n%", exclude_categories=["C", "Zl", "Zp"]), max_size=20
)


@settings(max_examples=150)
@given(st.lists(LINES, max_size=7), st.sampled_from([b"\n", b"\r\n"]), st.booleans(), VALUES)
def test_every_other_line_stays_byte_for_byte(lines: list[bytes], end: bytes, closed: bool, value: str) -> None:
    before = end.join(lines) + end * closed
    after = set_unit_variable(before, NAME, value)
    assert find_unit_variable(after, NAME) == value
    assert set_unit_variable(after, NAME, value) == after
    gone = [line for line in before.split(b"\n") if line not in after.split(b"\n") and line.strip()]
    assert all(b"SOME_HOST" in line for line in gone) or (len(gone) <= 1 and not closed)


@settings(max_examples=100)
@given(st.lists(LINES, max_size=7), st.text(st.sampled_from("abc:/.*, '\"=-_é"), max_size=12))
def test_the_reader_of_units_reads_what_was_written(lines: list[bytes], value: str) -> None:
    clean = [line for line in lines if b"\xff" not in line]
    after = set_unit_variable(b"\n".join(clean) + b"\n", NAME, value).decode()
    read = [one.value for one in unit_assignments(parse_unit_file(after)) if one.name == NAME]
    assert read[-1] == value
