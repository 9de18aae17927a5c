"""Command lines by a table of flags."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.flags import FlagTable, after_program, parse_flags

TABLE = FlagTable(
    valued={"--port": "PORT", "-p": "PORT", "--flash": "FLASH", "--ctx-size": "CTX"},
    switches={"--slots": ("SLOTS", "true"), "--no-slots": ("SLOTS", "false")},
    optional=frozenset({"FLASH"}),
)


@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["--port", "1"], {"PORT": "1"}),
        (["--port=1"], {"PORT": "1"}),
        (["-p", "1", "--port", "2"], {"PORT": "2"}),
        (["--ctx_size", "8"], {"CTX": "8"}),
        (["--port", "-1"], {"PORT": "-1"}),
        (["--slots", "--no-slots"], {"SLOTS": "false"}),
        (["--flash", "--port", "1"], {"FLASH": "", "PORT": "1"}),
        (["--flash", "on"], {"FLASH": "on"}),
        (["--port"], {"PORT": ""}),
    ],
)
def test_values(argv: list[str], values: dict[str, str]) -> None:
    assert parse_flags(argv, TABLE).values == values


def test_what_is_not_in_the_table() -> None:
    found = parse_flags(["model.gguf", "--new", "x", "-p", "1"], TABLE)
    assert (found.alone, found.unknown, found.values) == (("model.gguf", "x"), ("--new",), {"PORT": "1"})


@pytest.mark.parametrize(
    ("argv", "rest"),
    [
        (("/usr/bin/server", "--port", "1"), ("--port", "1")),
        (("python3", "-m", "server", "x"), ("x",)),
        (("env", "A=1", "server"), ()),
        (("other", "server-x"), None),
        ((), None),
    ],
)
def test_past_the_interpreter(argv: tuple[str, ...], rest: tuple[str, ...] | None) -> None:
    assert after_program(argv, ("server",)) == rest


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["--port", "-p", "--slots", "--flash", "=", "-"]) | st.text(max_size=6), max_size=8))
def test_any_command_line_is_read(argv: list[str]) -> None:
    found = parse_flags(argv, TABLE)
    assert len(found.values) + len(found.alone) + len(found.unknown) <= len(argv)


def test_a_program_that_is_only_an_argument_is_not_running() -> None:
    for argv in (("cmake", "--target", "server"), ("tail", "-f", "server"), ("vim", "/etc/server"), ()):
        assert after_program(argv, ("server",)) is None
    assert after_program(("nice", "-n", "5", "/opt/server", "-x"), ("server",)) == ("-x",)
    assert after_program(("/opt/server",), ("server",)) == ()
