"""Which answers are read closely: all of them while that is little, else a fair share."""

from __future__ import annotations

import pytest

from keepwell.bench.load import Load
from keepwell.bench.share import ALL, LEARNT, PARTS, Share


def test_all_of_a_small_load() -> None:
    share = Share(Load(shape="constant", rate=100), able=True)
    assert all(share.pick(64) for _ in range(1000))


def test_a_share_of_a_large_one() -> None:
    share = Share(Load(shape="poisson", rate=3000), able=True)
    picked = [share.pick(64) for _ in range(20_000)]
    assert sum(picked) / len(picked) == pytest.approx(PARTS / (3000 * 64), rel=0.2)
    assert share.share < 0.05


@pytest.mark.parametrize(
    ("load", "able"),
    [
        (Load(shape="constant", rate=3000), False),
        (Load(shape="concurrent", clients=5000), True),
        (Load(shape="replay", clients=0), True),
    ],
)
def test_all_where_turns_would_change_what_is_measured(load: Load, able: bool) -> None:
    share = Share(load, able=able)
    assert all(share.pick(4000) for _ in range(100))


def test_it_learns_how_long_answers_are() -> None:
    """Nothing is wished of them; they turn out to be short, then long."""
    share = Share(Load(shape="constant", rate=1000), able=True)
    share.pick(-1)
    assert share.share < 1
    share.learn(LEARNT - 1, LEARNT - 1)
    assert share.share < 1
    share.learn(LEARNT, LEARNT)
    assert share.share == 1
    share.learn(LEARNT, LEARNT * 600)
    assert share.share == pytest.approx(PARTS / 600_000)


def test_the_highest_rate_of_a_ramp_counts() -> None:
    share = Share(Load(shape="ramp", rate=1, rate_to=10 * ALL), able=True)
    assert not all(share.pick(1) for _ in range(100))
