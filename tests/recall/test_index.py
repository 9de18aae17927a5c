"""Known texts are found again, nearest first, and by how much."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.recall import Entry, Index, best_by_issue
from keepwell.recall.fts import make_full_text
from keepwell.recall.index import count_text

DISK = Entry("disk", "disk-full", "no space left on device while writing the model file to the store")
PORT = Entry("port", "port-held", "listen tcp: bind: address already in use, another program holds the port")
DRIVER = Entry("driver", "driver-old", "the driver is too old for this CUDA runtime version, upgrade the driver")
INDEX = Index([DISK, PORT, DRIVER])


def test_the_nearest_is_first_and_its_own_text_is_the_same() -> None:
    first, *rest = INDEX.search(DISK.text)
    assert first.entry == DISK
    assert first.score == pytest.approx(1.0)
    assert all(one.score < first.score for one in rest)


def test_other_words_of_the_same_trouble_are_found() -> None:
    assert INDEX.search("could not bind, the port is held by something else")[0].entry == PORT
    assert INDEX.search("CUDA driver version is insufficient")[0].entry == DRIVER


def test_misspelt_and_joined_words_are_found_by_their_letters() -> None:
    assert INDEX.search("upgradedriver")[0].entry == DRIVER


def test_nothing_in_common_finds_nothing() -> None:
    assert INDEX.search("zzz qqq xxx") == []
    assert INDEX.search("") == []
    assert Index([]).search("anything") == []


def test_words_that_nobody_knows_make_a_text_less_like_any() -> None:
    plain = INDEX.search("no space left on device")[0]
    wrapped = INDEX.search("no space left on device " + "umbrella giraffe trombone " * 3)[0]
    assert plain.entry == wrapped.entry == DISK
    assert wrapped.score < plain.score


def test_an_entry_that_is_not_in_the_index_is_compared_as_one_that_is() -> None:
    found = next(one for one in INDEX.search("no space left", 3) if one.entry == DISK)
    assert INDEX.compare("no space left", DISK) == found


def test_without_full_text_search_all_are_compared() -> None:
    many = [DISK, PORT, *(Entry(f"n{one}", "other", f"number {one} of {'abc' * one}") for one in range(200))]
    full, plain = Index(many), Index(many)
    plain.full_text = None
    assert full.full_text is not None
    assert plain.search("the port is in use", 1) == full.search("the port is in use", 1)
    assert full.search("the port is in use", 1)[0].entry == PORT


def test_each_issue_is_told_once_by_its_nearest_entry() -> None:
    index = Index([DISK, Entry("incident-7", "disk-full", "no space left on device"), PORT])
    best = best_by_issue(index.search("no space left on device: port"))
    assert [one.entry.issue for one in best] == ["disk-full", "port-held"]
    assert best[0].entry.id == "incident-7"


def test_counts_that_are_known_make_the_same_index() -> None:
    entries = [DISK, PORT, DRIVER]
    made = Index(entries, [count_text(one.text) for one in entries[:2]])
    assert made.search("the port is in use") == INDEX.search("the port is in use")


def test_full_text_search_joins_stems_and_letters() -> None:
    made = make_full_text([one.text for one in INDEX.entries])
    assert made is not None
    assert made.find(["drivers", "upgrading"], 2)[0] == 2
    assert made.find([], 2) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=80), max_size=6), st.text(max_size=120))
def test_scores_are_shares_in_order_and_always_the_same(texts: list[str], asked: str) -> None:
    entries = [Entry(str(number), "x", text) for number, text in enumerate(texts)]
    found = Index(entries).search(asked)
    assert all(0 < one.score <= 1 for one in found)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert found == Index(entries).search(asked)
