"""Pasted texts as machines: two facts that disagree are found, gaps say nothing, healthy output gives no finding."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keepwell.core.finding import Status
from keepwell.survey.pasted import NODE, TEXT_CHARS, look_at_text
from tests.survey.pasted_texts import FRAGMENTS, TELLING
from tests.survey.pasted_well import make_healthy

#: Healthy texts that are made; each is of several outputs.
HEALTHY = 1000
#: Seconds for any text of the largest size, on a busy machine.
LONGEST_SECONDS = 5.0


@pytest.mark.parametrize(("name", "check", "kind", "text"), TELLING, ids=[one[0] for one in TELLING])
def test_two_facts_that_disagree_are_found(name: str, check: str, kind: str, text: str) -> None:
    found = [(one.check, one.facts.get("kind", "")) for one in look_at_text(text).findings if one.bad]
    assert (check, kind) in found


@pytest.mark.parametrize(("name", "check", "kind", "text"), TELLING, ids=[one[0] for one in TELLING])
def test_one_of_the_two_facts_alone_says_nothing(name: str, check: str, kind: str, text: str) -> None:
    """Of each pair either half is cut away: what was not pasted is no fault."""
    lines = text.splitlines()
    numbers = {
        int(word)
        for one in look_at_text(text).findings
        if one.check == check and one.facts.get("kind") == kind
        for word in one.facts["lines"].split()
    }
    if len(numbers) < 2 or not check.startswith("text.") or name in ONE_IS_ENOUGH:
        return
    for keep in (min(numbers), max(numbers)):
        rest = [line for place, line in enumerate(lines, 1) if place not in numbers or place == keep]
        found = [(one.check, one.facts.get("kind", "")) for one in look_at_text("\n".join(rest)).findings if one.bad]
        assert (check, kind) not in found, rest


#: Pairs of which one half is told twice.
ONE_IS_ENOUGH = frozenset({"slots share the context by command line"})


def test_a_thousand_healthy_outputs_give_no_finding() -> None:
    for seed in range(HEALTHY):
        text = make_healthy(seed)
        bad = [(one.check, one.message) for one in look_at_text(text).findings if one.bad]
        assert bad == [], (seed, text)


def test_findings_name_their_lines_and_the_made_up_machine() -> None:
    text = "LISTEN 0 4096 127.0.0.1:8080 0.0.0.0:*\n\ndial tcp 10.0.0.9:8080: connect: connection refused\n"
    (one,) = look_at_text(text).findings
    assert one.facts["lines"] == "1 3"
    assert one.subject.node == NODE
    assert one.status is Status.WARNING
    assert [(row.subject.node, row.at) for row in one.evidence] == [(NODE, 0.0)] * len(one.evidence)


def test_a_text_that_is_a_log_is_left_to_the_scanner() -> None:
    text = "LISTEN 0 4096 127.0.0.1:8080 0.0.0.0:*\ndial tcp 10.0.0.9:8080: connect: connection refused\n"
    assert look_at_text(text).findings
    assert look_at_text(text + "x" * TEXT_CHARS).findings == ()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=80)), max_size=25))
def test_no_mixture_of_lines_breaks_it(lines: list[str]) -> None:
    began = time.perf_counter()
    look = look_at_text("\n".join(lines))
    assert time.perf_counter() - began < LONGEST_SECONDS
    for one in look.findings:
        assert one.facts["lines"].replace(" ", "").isdecimal()
        assert all(0 < int(word) <= len("\n".join(lines).split("\n")) for word in one.facts["lines"].split())


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(FRAGMENTS), st.integers(0, 300), st.sampled_from(list(" 0:/-=\"'{[|.,a\x00\x1b\u2028")))
def test_no_repeated_character_in_a_line_breaks_it(line: str, place: int, char: str) -> None:
    place = min(place, len(line))
    began = time.perf_counter()
    look_at_text("\n".join([line[:place] + char * 3000 + line[place:]] * 10))
    assert time.perf_counter() - began < LONGEST_SECONDS
