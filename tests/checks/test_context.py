"""context.fits: what engines write when a prompt is too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.checks.context import find_overflow
from keepwell.core.finding import Status
from keepwell.core.observation import absent
from tests.checks.judging import engine_seen, findings, of_engine, only, status

CUT = (
    'time=2026-01-01T00:00:00Z level=WARN source=runner.go:131 msg="truncating input prompt" limit=2048 prompt=3004 '
    "keep=4 new=2048"
)
REFUSED = "request (3004 tokens) exceeds the available context size (2048 tokens), try increasing it"
TOO_LONG = (
    "This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 input tokens"
)


@pytest.mark.parametrize(
    ("line", "told"),
    [(CUT, ("cut", "2048", "3004")), (REFUSED, ("refused", "2048", "3004")), (TOO_LONG, ("refused", "2048", "2049"))],
)
def test_each_engines_words_are_known(line: str, told: tuple[str, str, str]) -> None:
    assert find_overflow(line) == told
    found = only("context.fits", of_engine("log.text", {"lines": ("fine", line)}), *engine_seen())
    assert found.status is Status.WARNING
    assert (found.facts["kind"], found.facts["limit"], found.facts["prompt"]) == told


@given(st.text())
def test_other_lines_are_no_overflow(line: str) -> None:
    if not any(word in line for word in ("truncating", "exceeds", "maximum")):
        assert find_overflow(line) is None


def test_a_quiet_log_is_well_and_no_log_is_unknown() -> None:
    assert status("context.fits", of_engine("log.text", {"lines": ("fine",)}), *engine_seen()) is Status.OK
    assert status("context.fits", of_engine("log.text", absent("a terminal")), *engine_seen()) is Status.UNKNOWN
    gone = engine_seen(engine_process=absent("nothing serves"))
    assert findings("context.fits", of_engine("log.text", absent("no log")), *gone) == []
