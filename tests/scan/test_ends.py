"""A lead that is cut still leads to every line of the whole one, and its end is no ordinary text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.scan.ends import LEAST_CHARS, TRIED_BYTES, WINDOW, cut_leads
from keepwell.scan.signature import ORDINARY

LINES = ORDINARY.read_text(encoding="utf-8").lower().splitlines()
LEADS = st.sets(
    st.lists(
        st.sampled_from(["failed", "to ", " load", "model", "é", "[::1]:", "200", "x", "slot update_slots", "ü" * 9]),
        min_size=1,
        max_size=6,
    ).map("".join),
    max_size=12,
)


@given(LEADS)
@settings(max_examples=60, deadline=None)
def test_a_cut_lead_is_the_beginning_of_the_whole(leads: set[str]) -> None:
    cuts = cut_leads(leads, LINES)
    assert set(cuts) == leads
    for lead, cut in cuts.items():
        assert lead.startswith(cut)
        assert len(cut) >= min(len(lead), LEAST_CHARS)


def test_the_end_of_a_cut_lead_is_nowhere_in_ordinary_text() -> None:
    tried = "\n".join(LINES)
    assert len(tried) >= TRIED_BYTES
    cuts = cut_leads({"source=server.go: cannot bind", "level=info but broken", "msg=request failed badly"}, LINES)
    assert all(cut[-WINDOW:] not in tried for cut in cuts.values())


def test_leads_share_an_end_where_they_can() -> None:
    cuts = cut_leads({"cannot open the socket", "cannot open the socket of the pool"}, LINES)
    assert len({cut[-WINDOW:] for cut in cuts.values()}) == 1


def test_the_same_leads_are_cut_alike() -> None:
    leads = [f"worker {word} was lost in transit" for word in ("alpha", "beta", "gamma", "delta")]
    assert cut_leads(leads, LINES) == cut_leads(leads[::-1], LINES)


def test_no_leads_and_no_text() -> None:
    assert cut_leads([], LINES) == {}
    assert cut_leads(["a lead of some length"], []) == {"a lead of some length": "a lead of some length"}
