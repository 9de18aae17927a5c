"""The owner's word: honoured until its last day, cited, and named when it answers nothing."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.config.model import DecisionEntry
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref, engine, node
from keepwell.fleet.decisions import Names, Touched, cite, decide, find_cause_answer, find_protection

TODAY = date(2026, 11, 22)
CPU_ONLY = DecisionEntry(what="CPU only", why="CUDA 13 has to settle", check="gpu.placement", about="chroma")
FOUND = Finding(check="gpu.placement", subject=engine("box", "chroma"), status=Status.WARNING, message="m")
NAMES = Names(checks=("gpu.placement", "gpu.memory"), issues=("gpu-not-used",), things=("box", "chroma", "llama3.2:3b"))


def made(**more: str) -> DecisionEntry:
    return DecisionEntry(**{"what": "w", "why": "y", **more})


def test_a_finding_that_is_decided_on_is_set_apart() -> None:
    other = Finding(check="gpu.placement", subject=engine("box", "other"), status=Status.WARNING, message="m")
    word = decide([FOUND, other], [CPU_ONLY], TODAY, NAMES)
    assert [one.finding for one in word.decisions.decided] == [FOUND]
    assert word.open == (other,)
    assert word.decisions.unused == ()
    assert cite(CPU_ONLY) == "decided for chroma: CPU only (CUDA 13 has to settle)"


@pytest.mark.parametrize(
    ("until", "honoured"), [("", True), ("2026-11-22", True), ("2026-11-23", True), ("2026-11-21", False)]
)
def test_a_decision_is_honoured_through_its_last_day(until: str, honoured: bool) -> None:
    decision = made(check="gpu.*", until=until)
    word = decide([FOUND], [decision], TODAY)
    assert bool(word.decisions.decided) == honoured
    assert (word.decisions.expired == (decision,)) == (not honoured)


@pytest.mark.parametrize(
    ("about", "matches"),
    [
        ("chroma", True),
        ("CHROMA", True),
        ("box", True),
        ("engine:box/chroma", True),
        ("other, chroma", True),
        ("chr*", True),
        ("chro", False),
        ("gpu01", False),
    ],
)
def test_a_thing_is_named_as_an_owner_would(about: str, matches: bool) -> None:
    assert bool(decide([FOUND], [made(check="gpu.placement", about=about)], TODAY).decisions.decided) == matches


def test_a_thing_may_be_named_by_the_finding_s_facts() -> None:
    finding = Finding(
        check="store.files",
        subject=engine("box", "e"),
        status=Status.CRITICAL,
        message="m",
        facts={"model": "llama3.2:3b"},
    )
    assert decide([finding], [made(check="store.*", about="llama3.2:3b")], TODAY).decisions.decided


def test_what_is_well_or_unknown_needs_no_answer() -> None:
    well = Finding(check="gpu.placement", subject=node("box"), status=Status.OK, message="m")
    blind = Finding(check="gpu.placement", subject=node("b"), status=Status.UNKNOWN, message="m")
    assert decide([well, blind], [made(check="*")], TODAY).decisions.decided == ()


def test_a_decision_without_a_check_hides_nothing() -> None:
    assert decide([FOUND], [made(about="chroma")], TODAY).decisions.decided == ()


@pytest.mark.parametrize(
    ("decision", "why", "nearest"),
    [
        (made(check="gpu.placment"), "no check is called gpu.placment", "gpu.placement"),
        (made(issue="gpu-not-usd"), "no cause is called gpu-not-usd", "gpu-not-used"),
        (made(check="gpu.memory", about="chrom"), "nothing here is called chrom", "chroma"),
        (made(check="gpu.memory"), "gpu.memory finds nothing wrong now", ""),
        (made(about="llama3.2:3"), "nothing here is called llama3.2:3", "llama3.2:3b"),
    ],
)
def test_a_decision_that_answers_nothing_is_named(decision: DecisionEntry, why: str, nearest: str) -> None:
    (unused,) = decide([], [decision], TODAY, NAMES).decisions.unused
    assert (unused.why, unused.nearest) == (why, nearest)


def test_a_check_that_was_not_made_says_nothing_of_a_decision() -> None:
    shallow = Names(checks=("gpu.memory",), silent=("gpu.memory",))
    assert decide([], [made(check="gpu.memory")], TODAY, shallow).decisions.unused == ()


def test_protection_and_plain_words_are_not_unused() -> None:
    assert decide([], [made(about="chroma, llama3.2:3b"), made()], TODAY, NAMES).decisions.unused == ()


def test_a_cause_is_answered_by_its_name() -> None:
    decision = made(issue="gpu-not-used", about="chroma")
    assert find_cause_answer("gpu-not-used", engine("box", "chroma"), [decision]) is decision
    assert find_cause_answer("gpu-not-used", engine("box", "else"), [decision]) is None
    assert find_cause_answer("gpu-not-used", None, [made(issue="gpu-*")]) is not None
    assert find_cause_answer("disk-full", None, [made(check="gpu.placement")]) is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            made,
            check=st.sampled_from(["", "gpu.*", "gpu.placement", "x"]),
            about=st.sampled_from(["", "chroma", "[", "a,,b"]),
            until=st.sampled_from(["", "2026-01-01", "2027-01-01", "never"]),
        ),
        max_size=4,
    )
)
def test_every_finding_stays_in_one_place(decisions: list[DecisionEntry]) -> None:
    word = decide([FOUND, FOUND], decisions, TODAY, NAMES)
    assert len(word.open) + len(word.decisions.decided) == 2
    assert set(map(id, word.decisions.expired)) <= set(map(id, decisions))


def test_what_is_protected() -> None:
    keep = made(about="llama3.2:3b, qwen3:8b")
    model = Touched(names=frozenset({"qwen3:8b"}), removes=True)
    assert find_protection(model, [keep], TODAY) is keep
    assert find_protection(Touched(names=frozenset({"other"})), [keep], TODAY) is None
    assert find_protection(Touched(check="a.b", issue="i"), [made(issue="i")], TODAY) is not None
    assert find_protection(Touched(check="a.b", issue="i"), [made(what="plain words")], TODAY) is None
    assert find_protection(model, [made(about="qwen3:8b", until="2026-01-01")], TODAY) is None


def test_a_ref_of_a_second_engine_is_called_by_its_plain_name_too() -> None:
    second = Finding(check="a.b", subject=Ref("engine", ("box", "e:8081")), status=Status.CRITICAL, message="m")
    assert decide([second], [made(check="a.b", about="e")], TODAY).decisions.decided
    assert decide([second], [made(check="a.b", about="e:8081")], TODAY).decisions.decided
