"""What is counted can be read by a reader of the text form, and adds up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keepwell.formats.exposition import parse_exposition
from keepwell.gateway.facts import Facts
from keepwell.gateway.measures import Measures
from keepwell.plugins.dialect import Usage


def facts(route: str, seconds: float, error: str = "") -> Facts:
    made = Facts(1, 10.0)
    made.route, made.error, made.replica = route, error, "box/0"
    made.started, made.first, made.last, made.ended = 10.0, 10.0 + seconds / 2, 10.0 + seconds, 10.0 + seconds
    made.stream, made.usage = True, Usage(3, 5)
    return made


@given(st.lists(st.tuples(st.text(max_size=8), st.floats(0, 1e4), st.sampled_from(["", "client_gone"])), max_size=20))
def test_counts_add_up_whatever_the_names(rows: list[tuple[str, float, str]]) -> None:
    measures = Measures()
    for route, seconds, error in rows:
        measures.count(facts(route, seconds, error))
    found = parse_exposition(measures.render({"keepwell_gateway_requests_running": {"a": 1.0}}, waiting=2).decode())
    totals = [one.value for one in found if one.name == "keepwell_gateway_requests_total"]
    counts = [one.value for one in found if one.name == "keepwell_gateway_e2e_request_latency_seconds_count"]
    assert sum(totals) == sum(counts) == len(rows)
    assert [one.value for one in found if one.name == "keepwell_gateway_requests_waiting"] == [2.0]


def test_buckets_count_up() -> None:
    measures = Measures()
    for seconds in (0.1, 0.4, 100.0):
        measures.count(facts("m", seconds))
    lines = measures.render({}, waiting=0).decode().split("\n")
    buckets = [
        int(one.rsplit(" ", 1)[1]) for one in lines if one.startswith("keepwell_gateway_e2e_request_latency_seconds_b")
    ]
    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[-1]) == (1, 3)
