"""Setting one variable of a start file: the value is right and every other byte stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.assignment import find_assignment, set_assignment
from keepwell.formats.startfile import parse_assignments
from keepwell.formats.words import scan_lines

NAME = "SOME_HOST"
MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"SOME_HOST=new\n"),
        (b"SOME_HOST=old\n", b"SOME_HOST=new\n"),
        (b"SOME_HOST=old", b"SOME_HOST=new"),
        (b"A=1\r\nSOME_HOST=old\r\nB=2\r\n", b"A=1\r\nSOME_HOST=new\r\nB=2\r\n"),
        (b"\xef\xbb\xbfSOME_HOST=old\n", b"\xef\xbb\xbfSOME_HOST=new\n"),
        (b'SOME_HOST="old"  # why\n', b'SOME_HOST="new"  # why\n'),
        (b"SOME_HOST='old' # why\n", b"SOME_HOST='new' # why\n"),
        (b"export SOME_HOST=old OTHER=x\n", b"export SOME_HOST=new OTHER=x\n"),
        (b"SOME_HOST=first\nSOME_HOST=last\n", b"SOME_HOST=first\nSOME_HOST=new\n"),
        (b"env A=1 \\\n  SOME_HOST=old \\\n  server --x SOME_HOST=no\n", None),
        (b'SOME_HOST="open\nSOME_HOST=old\n', b'SOME_HOST="open\nSOME_HOST=new\n'),
        (b"A=\xff\xfe\nSOME_HOST=old\n", b"A=\xff\xfe\nSOME_HOST=new\n"),
        (b"SOME_HOST=ol\\\nd\nB=1\n", b"SOME_HOST=new\nB=1\n"),
        (b"# only words\n", b"# only words\nSOME_HOST=new\n"),
        (b"A=1", b"A=1\nSOME_HOST=new"),
        (b"#!/bin/sh\nexec server\n", b"#!/bin/sh\nexport SOME_HOST=new\nexec server\n"),
        (
            b"#!/bin/sh\r\nset -a\r\n. ./x\r\nserver\r\n",
            b"#!/bin/sh\r\nset -a\r\n. ./x\r\nexport SOME_HOST=new\r\nserver\r\n",
        ),
        (b"export A=1\n\n# end\n", b"export A=1\nexport SOME_HOST=new\n\n# end\n"),
        (b"XSOME_HOST=1\nSOME_HOST_B=2\n", b"XSOME_HOST=1\nSOME_HOST_B=2\nSOME_HOST=new\n"),
    ],
)
def test_one_value_changes_and_nothing_else(before: bytes, after: bytes | None) -> None:
    expected = after or before.replace(b"SOME_HOST=old", b"SOME_HOST=new")
    assert set_assignment(before, NAME, "new") == expected
    assert set_assignment(expected, NAME, "new") == expected
    assert find_assignment(expected, NAME) == "new"


@pytest.mark.parametrize(
    ("whole", "after"),
    [
        ("127.0.0.1 80", b"A=1\nSOME_HOST=new\n"),
        ("127.0.0.1", b"A=1\nSOME_HOST=new 80\n"),
        ("", b"A=1\nSOME_HOST=new 80\n"),
    ],
)
def test_a_value_with_a_blank_is_replaced_whole_only_where_it_was_read_whole(whole: str, after: bytes) -> None:
    assert set_assignment(b"A=1\nSOME_HOST=127.0.0.1 80\n", NAME, "new", whole=whole) == after


@pytest.mark.parametrize(("name", "value"), [("2BAD", "x"), ("A B", "x"), ("A", "x\ny"), ("A", "x\0")])
def test_what_no_file_can_hold_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError):
        set_assignment(b"", name, value)


#: Values as people write them; both readers agree on these (a shell alone expands `$` and back-ticks).
VALUES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n$`", exclude_categories=["C", "Z"]), max_size=20
)
LINES = st.sampled_from(
    [
        b"", b"# a comment", b"; another", b"A=1", b"export B='two words'", b'C="x" # tail', b'BROKEN="open',
        b"SOME_HOST=old", b"export SOME_HOST='old one'", b'SOME_HOST="older"', b"  SOME_HOST=indented",
        b"D=\xff\xc3", b"just words", b"SOME_HOSTS=1", b"SOME_HOST", b"E=\\",
    ]
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(LINES, max_size=6), st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.booleans(), VALUES)
def test_every_other_line_stays_byte_for_byte(
    lines: list[bytes], end: bytes, mark: bool, closed: bool, value: str
) -> None:
    before = MARK * mark + end.join(lines) + end * closed
    after = set_assignment(before, NAME, value)
    assert find_assignment(after, NAME) == value
    assert set_assignment(after, NAME, value) == after
    assert after.startswith(MARK) == mark
    old, new = before.removeprefix(MARK).splitlines(), after.removeprefix(MARK).splitlines()
    assert [line for line in old if b"SOME_HOST=" not in line] == [line for line in new if b"SOME_HOST=" not in line]
    gone = [line for line in old if b"SOME_HOST=" in line]
    kept = [line for line in new if line in gone]
    assert len(gone) - len(kept) <= 1


@settings(max_examples=100)
@given(st.lists(LINES, max_size=6), VALUES)
def test_the_reader_of_start_files_reads_what_was_written(lines: list[bytes], value: str) -> None:
    clean = [line for line in lines if not line.endswith(b"\\") and b"\xff" not in line and b"just" not in line]
    after = set_assignment(b"\n".join(clean) + b"\n", NAME, value).decode()
    assert [one.value for one in parse_assignments(after) if one.name == NAME][-1] == value


@settings(max_examples=200)
@given(st.text(st.sampled_from("A=b '\"\\#;\r\n\t[x]"), max_size=40))
def test_lines_and_what_lies_between_are_the_whole_text(text: str) -> None:
    place = 0
    for line in scan_lines(text):
        assert text[place : line.start] in ("", "\n", "\r\n")
        assert all(line.start <= word.start < word.end <= line.end for word in line.words)
        assert all(text[word.start : word.end] == word.raw for word in line.words)
        place = line.end
    assert text[place:] in ("", "\n", "\r\n")
