"""Instants of loads: as many as asked for, in order, the same again, at the rate that was wished."""

from __future__ import annotations

import math
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.bench.load import Load, LoadShape
from keepwell.bench.schedule import count_expected, make_instants

RATES = st.floats(0.05, 500.0)
SHAPES = st.sampled_from(["constant", "poisson", "ramp"])


def test_a_constant_rate_does_not_drift() -> None:
    """The thousandth is where it belongs, not a sum of rounded gaps."""
    instants = list(make_instants(Load(shape="constant", rate=3.0, requests=3001)))
    assert instants[0] == 0.0
    assert instants[3000] == 1000.0


@given(SHAPES, RATES, RATES, st.integers(1, 200), st.integers(0, 5), st.integers(0, 2**32))
@settings(max_examples=60)
def test_as_many_as_asked_in_order_and_the_same_again(
    shape: LoadShape, rate: float, to: float, requests: int, warm: int, seed: int
) -> None:
    """Warm ones are beside those that were asked for."""
    load = Load(shape=shape, rate=rate, rate_to=to, requests=requests, warm=warm, seed=seed)
    instants = list(make_instants(load))
    # a ramp that falls to nearly nothing may have its last instant a rounding beyond its end
    assert requests + warm - (shape == "ramp") <= len(instants) <= requests + warm
    assert instants == list(make_instants(load))
    assert all(0 <= one <= later for one, later in pairwise(instants))


@given(SHAPES, RATES, RATES, st.floats(0.5, 5.0))
@settings(max_examples=40)
def test_no_instant_at_or_after_the_end(shape: LoadShape, rate: float, to: float, seconds: float) -> None:
    """And of an even rate and a ramp as many as the area under it."""
    load = Load(shape=shape, rate=rate, rate_to=to, seconds=seconds)
    instants = list(make_instants(load))
    assert all(one < seconds for one in instants)
    if shape != "poisson":
        assert abs(len(instants) - count_expected(load)) <= 1.0 + 1e-6


def test_poisson_gaps_are_exponential() -> None:
    """Mean 1/rate, and their deviation equals their mean; 20,000 gaps tell it within 3 %."""
    instants = list(islice(make_instants(Load(shape="poisson", rate=50.0)), 20_000))
    gaps = [later - one for one, later in pairwise(instants)]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((one - mean) ** 2 for one in gaps) / len(gaps))
    assert mean == pytest.approx(0.02, rel=0.03)
    assert deviation == pytest.approx(mean, rel=0.03)
    assert instants != list(islice(make_instants(Load(shape="poisson", rate=50.0, seed=2)), 20_000))


def test_a_ramp_is_as_fast_as_it_says_at_both_ends() -> None:
    """From 10 to 30 a second in 20 s: about 10 in its first second and 30 in its last."""
    instants = list(make_instants(Load(shape="ramp", rate=10.0, rate_to=30.0, seconds=20.0)))
    assert len(instants) == pytest.approx(400, abs=1)
    assert sum(one < 1 for one in instants) == pytest.approx(10.5, abs=1)
    assert sum(one >= 19 for one in instants) == pytest.approx(29.5, abs=1)


@pytest.mark.parametrize(
    "load",
    [
        Load(shape="concurrent", clients=2),
        Load(shape="replay"),
        Load(shape="constant"),
        Load(shape="poisson", rate=math.inf),
        Load(shape="ramp", rate=1.0, rate_to=2.0),
        Load(shape="ramp", rate=-1.0, rate_to=2.0, seconds=1.0),
    ],
)
def test_what_is_no_rate_is_refused(load: Load) -> None:
    """With a sentence."""
    with pytest.raises(ValueError, match=r"rate|instants|end"):
        next(make_instants(load))


def test_how_many_are_expected() -> None:
    """By rate and time, by number, or not known."""
    assert count_expected(Load(shape="constant", rate=5.0, seconds=10.0)) == 50
    assert count_expected(Load(shape="constant", rate=5.0, seconds=10.0, requests=20)) == 20
    assert count_expected(Load(shape="poisson", rate=5.0)) == math.inf
    assert count_expected(Load(requests=7)) == 7
    assert math.isnan(count_expected(Load(seconds=3.0)))
