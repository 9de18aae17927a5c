"""What a healthy log holds is ordinary; what it never held is new; what comes far more often is frequent."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.templates import Baseline, find_news, learn
from keepwell.templates.baseline import FREQUENT_LINES, KNOWN_LINES


def requests(start: int, count: int) -> list[str]:
    return [f"{start + n} GET /v1/models took {n % 90} ms, status 200" for n in range(count)]


def known(*, lines: int = 400) -> Baseline:
    return learn(Baseline(), [*requests(0, lines), "999 warning: slow disk, waited 3 s"], 1.0)


def test_a_kind_that_was_never_there_is_new_and_told_with_its_first_line() -> None:
    fresh = [
        *requests(5000, 50),
        "5050 CUDA error: an illegal memory access",
        "5051 CUDA error: an illegal memory access",
    ]
    (one,) = find_news(known(), fresh)
    assert (one.template, one.count, one.first) == ("* CUDA error: an illegal memory access", 2, fresh[50])
    assert one.new
    assert one.trouble


def test_a_new_kind_without_a_word_of_trouble_is_told_after_those_with_one() -> None:
    found = find_news(known(), ["1 using flash attention v2 kernels", "2 GPU lost", *requests(5000, 3)])
    assert [(one.first, one.trouble) for one in found] == [
        ("2 GPU lost", True),
        ("1 using flash attention v2 kernels", False),
    ]


def test_a_line_that_says_of_itself_that_it_is_no_trouble_is_none() -> None:
    found = find_news(known(), ['level=INFO msg="request failed"', 'level=WARN msg="request failed"'])
    assert [one.trouble for one in found] == [True, False]


def test_what_came_seldom_and_comes_often_is_frequent_and_a_busy_hour_is_not() -> None:
    slow = [f"{n} warning: slow disk, waited {n} s" for n in range(FREQUENT_LINES)]
    (one,) = find_news(known(), [*requests(5000, 200), *slow])
    assert not one.new
    assert one.count == FREQUENT_LINES
    assert 0 < one.expected < 2
    assert find_news(known(), requests(5000, 20_000)) == ()


def test_nothing_is_new_in_a_log_that_is_hardly_known() -> None:
    assert find_news(known(lines=KNOWN_LINES // 2), ["2 GPU lost"]) == ()


def test_lines_that_were_learned_are_not_looked_at_again() -> None:
    first = requests(0, 300)
    base = learn(Baseline(), first, 1.0)
    again = learn(base, [*first[100:], *requests(300, 50)], 2.0)
    assert again.lines == 350
    assert sum(one.count for one in again.shapes) == 350
    assert learn(again, requests(300, 50), 3.0).lines == 350
    assert find_news(again, requests(300, 50)) == ()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=30), st.lists(st.text(max_size=20), max_size=30))
def test_what_was_learned_is_never_new(old: list[str], more: list[str]) -> None:
    base = learn(known(), old, 1.0)
    marked = [f"unlike any {n} before" for n in range(3)]
    for one in find_news(base, [*marked, *old, *more]):
        assert one.first in {*marked, *more} or not one.new
    assert learn(base, [*old, *more], 2.0).lines <= base.lines + len(old) + len(more)
