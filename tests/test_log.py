"""Logging is quiet, on one line, and lets nothing drive the terminal."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from keepwell.log import set_up_logging


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger("keepwell")
    kept = (root.handlers[:], root.level, root.propagate)
    yield
    root.handlers[:], root.propagate = kept[0], kept[2]
    root.setLevel(kept[1])


def _said(verbosity: int, stream: io.StringIO) -> list[str]:
    set_up_logging(verbosity, stream)
    log = logging.getLogger("keepwell.test")
    log.debug("small")
    log.info("cut \x1b[31m\n%s", "end", extra={"fields": {"path": "/a\nb", "bytes": 12}})
    log.warning("look")
    return stream.getvalue().splitlines()


def test_quiet_unless_asked() -> None:
    assert [line.split(" ", 1)[1] for line in _said(0, io.StringIO())] == ["warning keepwell.test: look"]
    assert len(_said(1, io.StringIO())) == 2
    assert len(_said(2, io.StringIO())) == 3
    assert len(_said(9, io.StringIO())) == 3


def test_one_line_with_fields_and_no_control_characters() -> None:
    line = _said(1, io.StringIO())[0].split(" ", 1)[1]
    assert line == "info keepwell.test: cut \\x1b[31m\\nend path=/a\\nb bytes=12"


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[33mwarning\x1b[0m" in _said(0, Terminal())[0]
    assert "\x1b" not in _said(0, io.StringIO())[0]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in _said(0, Terminal())[0]


def test_setting_up_twice_says_everything_once() -> None:
    set_up_logging(0, io.StringIO())
    assert len(_said(0, io.StringIO())) == 1


def test_a_trace_is_indented() -> None:
    stream = io.StringIO()
    set_up_logging(0, stream)
    try:
        raise RuntimeError("bug\x07")
    except RuntimeError:
        logging.getLogger("keepwell.test").exception("it broke")
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith("it broke")
    assert lines[-1] == "    RuntimeError: bug\\x07"
