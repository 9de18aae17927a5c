"""Lines of one kind come together, whatever varies in them; cutting the stream changes nothing; memory is bounded."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.templates.miner import Miner

WORDS = ("load", "model", "slot", "failed", "in", "GPU", "took", "4.2", "ms", "/var/lib/a", "id=77", "[12]", "x.y.z")
LINES = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join) | st.text(max_size=30), max_size=60)


def grouped(lines: list[str], most: int = 5_000) -> list[str]:
    miner = Miner(most)
    return [miner.find(ticket) for ticket in miner.add(lines)]


def match(miner: Miner, line: str) -> str:
    return miner.match([line])[0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("slot 3 released after 4.21 ms", "slot 17 released after 812 s"),
        ("GET /v1/models from 10.0.0.7:5512 took 3 ms", "GET /api/tags from 192.168.1.20:80 took 12 ms"),
        ("loading /srv/models/a/b.gguf at 0x7ffe01", "loading /var/lib/x.bin at 0xdeadbeef"),
        ("peer fe80:00:11:aa:bb:cc up", "peer 00:1b:44:11:3a:b7 up"),
        ("since Mon Jul 17 03:01:02 2005 nothing", "since Sun Aug  1 13:01:02 2026 nothing"),
        ("mask ffffffff set on link", "mask 0000000f set on link"),
        ("delete blocks 1", "delete blocks 1 2 3 4 5"),
        ("sent 451 bytes in all", "sent 1451 bytes (1.42 KB) in all"),
    ],
)
def test_what_varies_by_its_looks_is_one_template_at_once(first: str, second: str) -> None:
    assert len(set(grouped([first, second]))) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("server is listening on port 80", "server is leaving port 80"),
        ("flash attention enabled: true", "flash attention enabled: false"),
        ("GPU 0 lost its link", "GPU 0 found its link"),
    ],
)
def test_two_words_alone_do_not_make_a_place_vary(first: str, second: str) -> None:
    assert len(set(grouped([first, second]))) == 2


def test_names_that_look_like_data_come_together_after_two() -> None:
    lines = ["cannot resolve registry.example.org for pull", "cannot resolve mirror.lan for pull"]
    assert set(grouped(lines)) == {"cannot resolve * for pull"}


def test_words_at_a_place_come_together_after_five_and_never_at_first_sight() -> None:
    names = ["anna", "ben", "cleo", "dan", "eve", "finn"]
    lines = [f"session opened for user {name}" for name in names]
    assert len(set(grouped(lines[:4]))) == 4
    assert set(grouped(lines)) == {"session opened for user *"}


def test_lines_that_vary_in_two_words_come_together_step_by_step() -> None:
    names = ["anna", "ben", "cleo", "dan", "eve"]
    lines = [f"user {one} shares with {other} now" for one in names for other in names]
    assert set(grouped(lines)) == {"user * shares with * now"}


def test_many_values_take_no_memory() -> None:
    miner = Miner()
    miner.add(f"login of user {'abcdefghij'[i % 10] * (i // 10 + 1)} refused here" for i in range(500))
    assert len(miner.kept()) < 20
    assert miner.templates()[0].count == 500


def test_match_learns_nothing() -> None:
    miner = Miner()
    miner.add(["engine is up and well"])
    kept = miner.kept()
    assert match(miner, "engine is up and well") == "engine is up and well"
    assert match(miner, "CUDA error: device lost") == ""
    assert miner.kept() == kept


@settings(max_examples=60, deadline=None)
@given(LINES, st.data())
def test_cuts_and_snapshots_change_nothing(lines: list[str], data: st.DataObject) -> None:
    whole = grouped(lines)
    miner, tickets, left = Miner(), list[int](), lines
    while left:
        size = data.draw(st.integers(1, len(left)))
        tickets += miner.add(left[:size])
        left = left[size:]
        if data.draw(st.booleans()):
            miner = Miner(kept=miner.kept())
    assert [miner.find(ticket) for ticket in tickets] == whole


@settings(max_examples=60, deadline=None)
@given(LINES)
def test_every_line_is_counted_once_and_matches_its_template(lines: list[str]) -> None:
    miner = Miner()
    tickets = miner.add(lines)
    assert sum(one.count for one in miner.templates()) == len(lines)
    assert {one.text for one in miner.templates()} == {miner.find(ticket) for ticket in tickets}
    assert miner.match(lines) == [miner.find(ticket) for ticket in tickets]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(alphabet="ab .", min_size=1, max_size=8), max_size=80), st.integers(2, 12))
def test_memory_is_bounded_and_the_youngest_stay(lines: list[str], most: int) -> None:
    miner = Miner(most)
    tickets = miner.add(lines)
    assert len(miner.kept()) <= most + 1
    if lines:
        assert miner.find(tickets[-1]) == match(miner, lines[-1]) != "" or not lines[-1].split()


def test_what_was_not_seen_for_longest_is_forgotten() -> None:
    miner = Miner(100)
    letters = random.Random(1)
    old = miner.add(["the oldest kind of line"])
    for _ in range(150):
        miner.add(["".join(letters.choices("abcdefgh", k=9)), "a line that comes again and again"])
    assert miner.find(old[0]) == ""
    assert match(miner, "the oldest kind of line") == ""
    assert match(miner, "a line that comes again and again") != ""


def test_words_made_to_cost_cost_little() -> None:
    miner = Miner()
    began = time.process_time()
    miner.add(f"{'a-' * (300 + n % 100)}:0 {'a.' * 200}{n}" for n in range(500))
    assert time.process_time() - began < 2.0


def test_an_endless_line_costs_no_more_than_a_long_one() -> None:
    miner = Miner()
    tickets = miner.add(["x" * 5_000_000, "word " * 1_000_000 + "7", "a\nb 1", "a b 2"])
    assert miner.find(tickets[2]) == miner.find(tickets[3]) == "a b *"
    assert all(len(one.text) <= 1_000 for one in miner.kept())
