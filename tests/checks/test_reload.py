"""reload.context: one model loaded again and again with other contexts, as an Ollama's log tells it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.checks.reload import CHANGES, count_changes, find_loads
from keepwell.core.finding import Status
from tests.checks.judging import engine_seen, of_engine, only

START = (
    'level=INFO source=server.go:458 msg="starting llama server" '
    'cmd="/usr/bin/ollama runner --model {} --ctx-size {} -b 5"'
)


def lines(*loads: tuple[str, int]) -> tuple[str, ...]:
    return tuple(START.format(model, size) for model, size in loads)


@pytest.mark.parametrize(
    ("loads", "status"),
    [
        ((("a", 1), ("a", 2), ("a", 1), ("a", 2)), Status.WARNING),
        ((("a", 1), ("b", 5), ("a", 2), ("b", 5), ("a", 1), ("a", 3)), Status.WARNING),
        ((("a", 1), ("a", 2), ("a", 1)), Status.OK),
        ((("a", 1), ("b", 2), ("a", 1), ("b", 2), ("a", 1), ("b", 2)), Status.OK),
        ((), Status.OK),
    ],
)
def test_three_changes_of_one_model_are_too_many(loads: tuple[tuple[str, int], ...], status: Status) -> None:
    found = only("reload.context", of_engine("log.text", {"lines": ("fine", *lines(*loads))}), *engine_seen())
    assert found.status is status


@given(st.lists(st.integers(1, 10**9 - 1), max_size=20))
def test_loads_are_read_in_their_order(sizes: list[int]) -> None:
    read = find_loads(lines(*[("/m/one.gguf", size) for size in sizes]))
    assert read == ({"/m/one.gguf": sizes} if sizes else {})
    assert count_changes(sizes) <= max(len(sizes) - 1, 0)
    assert count_changes(sorted(sizes * CHANGES)) == max(len(set(sizes)) - 1, 0)


@given(st.text())
def test_any_text_is_read(line: str) -> None:
    assert set(find_loads([line])) <= {line} or "--ctx-size" in line
