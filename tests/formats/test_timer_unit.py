"""Units of a timed command: what is written is read back; any word comes through."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.timer_unit import (
    TimedCommand,
    parse_command,
    parse_timed_command,
    render_command,
    render_service,
    render_timer,
)

CHARS = st.characters(exclude_characters="\0", exclude_categories=("Cs", "Cc"))
WORDS = st.one_of(st.text(CHARS, max_size=8), st.text("a \"'\\$%;\n\t{}", max_size=6))
PROGRAMS = st.from_regex(r"/[a-z/%.]{1,8}", fullmatch=True)
COMMANDS = st.builds(lambda program, words: (program, *words), PROGRAMS, st.lists(WORDS, max_size=4))
TIMES = st.from_regex(r"[a-zA-Z*:,./0-9%-]{1,12}", fullmatch=True)


@settings(max_examples=100)
@given(COMMANDS)
def test_any_word_comes_through(argv: tuple[str, ...]) -> None:
    line = render_command(argv)
    assert "\n" not in line
    assert parse_command(line) == argv


@settings(max_examples=60)
@given(COMMANDS, TIMES, st.integers(1, 10**6), st.booleans(), st.sampled_from(("", "bin")), st.booleans())
def test_units_are_read_back(
    command: tuple[str, ...], at: str, seconds: int, persistent: bool, user: str, calendar: bool
) -> None:
    one = TimedCommand(
        description="some 50% (kept)",
        command=command,
        every_seconds=float(seconds),
        delay_seconds=seconds / 8,
        user=user,
    )
    if calendar:
        one = replace(one, at=at, every_seconds=0.0, persistent=persistent)
    assert parse_timed_command(render_service(one), render_timer(one)) == one


@pytest.mark.parametrize("argv", [(), ("",), ("-x",), ("a b",), ("$X",), ("a", "\0")])
def test_what_a_unit_cannot_hold_is_refused(argv: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"program|NUL"):
        render_command(argv)


@settings(max_examples=60)
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_garbage_is_refused(service: bytes, timer: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_timed_command(service, timer)
