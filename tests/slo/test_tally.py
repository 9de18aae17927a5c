"""Tallies by minute are the same as counting the rows, however they come."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from keepwell.slo.tally import MINUTE, Failure, Spells, Tally, add_up, count_rows, minute_of
from keepwell.slo.verdicts import judge_row
from keepwell.store.requests import RequestRow
from tests.slo.made import AVAILABLE, NOON, QUICK, failed, row

ROWS = st.lists(
    st.builds(
        row,
        st.floats(min_value=NOON, max_value=NOON + 7200),
        first_byte_seconds=st.sampled_from([-1.0, 0.1, 1.9, 2.0, 2.1, 30.0]),
        cold=st.sampled_from([-1, 0, 1]),
        route=st.sampled_from(["chat", "other"]),
        status=st.sampled_from([200, 404, 502]),
        key=st.sampled_from(["ada", "bob"]),
    ),
    max_size=60,
)


@given(rows=ROWS, parts=st.lists(st.integers(min_value=0, max_value=60), max_size=4), start=st.integers(0, 119))
def test_windows_of_tallies_are_what_counting_the_rows_gives(
    rows: list[RequestRow], parts: list[int], start: int
) -> None:
    """Rows in any order, in any number of goes; a window of whole minutes."""
    since, until = NOON + MINUTE * start, NOON + MINUTE * (start + 30)
    for objective in (AVAILABLE, QUICK):
        spells = Spells()
        tallies: list[Tally] = []
        cuts = [0, *sorted(min(one, len(rows)) for one in parts), len(rows)]
        for first, last in pairwise(cuts):
            tallies += count_rows(objective, rows[first:last], spells)[0]
        total = add_up(tallies, since, until)
        verdicts = [judge_row(objective, one) for one in rows if since <= minute_of(one.at) < until]
        warm = [one for one in verdicts if one is not None and not one.cold]
        cold = [one for one in verdicts if one is not None and one.cold]
        assert (total.good, total.bad) == (sum(v.good for v in warm), sum(not v.good for v in warm))
        assert (total.cold_good, total.cold_bad) == (sum(v.good for v in cold), sum(not v.good for v in cold))
        assert total.spells <= total.bad


@given(rows=ROWS)
def test_every_failure_is_named_once(rows: list[RequestRow]) -> None:
    tallies, failures = count_rows(AVAILABLE, rows, Spells())
    assert len(failures) == sum(one.bad for one in tallies)
    assert sum(one.sign for one in failures) == sum(one.spells for one in tallies)
    assert [one.minute for one in tallies] == sorted({one.minute for one in tallies})


def test_one_client_that_tries_again_is_one_sign() -> None:
    """The official clients try twice more by themselves, within seconds, also over the end of a minute."""
    rows = [failed(NOON + 58.0), failed(NOON + 58.6), failed(NOON + 60.4)]
    tallies, _ = count_rows(AVAILABLE, rows, Spells())
    assert [(one.bad, one.spells) for one in tallies] == [(2, 1), (1, 0)]


def test_an_outage_is_a_sign_every_minute_and_another_client_or_error_is_one_at_once() -> None:
    outage = [failed(NOON + 10 * number) for number in range(30)]
    tallies, _ = count_rows(AVAILABLE, outage, Spells())
    assert sum(one.spells for one in tallies) == 5
    both = [failed(NOON), failed(NOON + 1, key="bob"), failed(NOON + 2, outcome="replica_cut")]
    assert sum(one.spells for one in count_rows(AVAILABLE, both, Spells())[0]) == 3


def test_spells_go_on_where_counting_ended() -> None:
    begun = Failure(NOON, 1, "ada", "gpu01/big", "replica_refused", 0.0, True)
    assert not Spells([begun]).begin("ada", "replica_refused", NOON + 30)
    assert Spells([begun]).begin("ada", "replica_refused", NOON + 60)
    assert Spells([begun]).begin("bob", "replica_refused", NOON + 30)
