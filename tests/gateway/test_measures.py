"""What is counted: a strict reader takes it, buckets add up with the engines', and nothing grows without end."""

from __future__ import annotations

from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.access import Access
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.scheduler import Scheduler
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.record.gauges import find_gauges
from keepwell.gateway.record.measures import FIRST, OTHER, SERIES, TOKEN, WHOLE, Measures
from keepwell.gateway.record.recorder import make_row
from keepwell.plugins.dialect import Usage
from keepwell.plugins.registry import load_all
from keepwell.plugins.routing import Ask, Policy, Replica
from keepwell.store.keys import Key
from tests.gateway.exposition import read_exposition

P = "keepwell_gateway_"
POLICIES = cast("dict[str, Policy]", load_all("routing"))


def facts(route: str = "m", replica: str = "box/0", error: str = "", **more: object) -> Facts:
    made = Facts(1, 10.0)
    made.route, made.replica, made.error = route, replica, error
    made.started, made.first, made.last, made.ended = 10.5, 11.0, 13.0, 13.5
    made.stream, made.usage = True, Usage(7, 5, 3)
    made.times = [11.0, 11.03, 11.06, 13.0]
    for name, value in more.items():
        setattr(made, name, value)
    return made


def count(measures: Measures, batch: list[Facts]) -> None:
    measures.count(batch, [make_row(one, 0.0) for one in batch])


def test_every_part_of_a_request_is_counted_where_it_belongs() -> None:
    measures = Measures()
    count(measures, [facts(), facts(error="replica_cut", retries=2), facts(route="n", stream=False, times=None)])
    found = read_exposition(measures.render())
    assert found[P + "requests_total"].value(route="m", replica="box/0", outcome="well") == 1
    assert found[P + "requests_total"].value(route="m", replica="box/0", outcome="replica_cut") == 1
    assert found[P + "tokens_total"].value(route="m", kind="output") == 10
    assert found[P + "tokens_total"].value(route="n", kind="cached") == 3
    assert found[P + "retries_total"].value(route="m") == 2
    whole = found[P + "e2e_request_latency_seconds"].samples
    assert whole[P + "e2e_request_latency_seconds_sum", (("route", "m"),)] == 7.0
    queue = found[P + "request_queue_time_seconds"].samples
    assert queue[P + "request_queue_time_seconds_bucket", (("le", "0.5"), ("route", "m"))] == 2
    assert queue[P + "request_queue_time_seconds_bucket", (("le", "0.3"), ("route", "m"))] == 0
    gaps = found[P + "inter_token_latency_seconds"].samples
    assert gaps[P + "inter_token_latency_seconds_count", (("route", "m"),)] == 6
    assert gaps[P + "inter_token_latency_seconds_bucket", (("le", "0.05"), ("route", "m"))] == 4
    pace = found[P + "request_time_per_output_token_seconds"].samples
    assert pace[P + "request_time_per_output_token_seconds_count", (("route", "n"),)] == 0


def test_bounds_are_written_as_the_engines_write_them() -> None:
    """So that series of both add up: Python's client writes 1.0, not 1."""
    measures = Measures()
    count(measures, [facts()])
    text = measures.render().decode()
    for bound in (*FIRST, *TOKEN, *WHOLE):
        assert f'le="{bound!r}"' in text
    assert 'le="+Inf"' in text


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=60, deadline=None)
@given(names, names, names)
def test_no_name_breaks_a_line(route: str, replica: str, key: str) -> None:
    measures = Measures()
    count(measures, [facts(route=route, replica=replica, error="x")])
    scheduler = Scheduler(
        [Replica(id=replica, node="n", host="h", port=1, dialects=frozenset({"d"}), limit=1)], [], POLICIES
    )
    access = Access()
    access.replace([Key(name=key, digest="0", per_minute=3, tokens_per_day=9)], frozenset())
    found = read_exposition(measures.render(find_gauges(scheduler, access, 3)))
    assert len(found[P + "requests_total"].samples) == 1
    assert sorted(found[P + "key_limit"].samples.values()) == [3, 9]


def test_what_runs_and_waits_is_told() -> None:
    made = Scheduler([], [], POLICIES)
    made.replace(
        [Replica(id="a", node="n", host="h", port=1, dialects=frozenset({"d"}), limit=1)],
        [Route(name="m", replicas={"a": "m"})],
    )
    for number in range(3):
        made.arrive(Ask(id=number, route="m", dialect="d"), 0.0)
    found = read_exposition(Measures().render(find_gauges(made, Access(), 4)))
    assert found[P + "requests_running"].value(replica="a") == 1
    assert found[P + "requests_waiting"].value(route="m") == 2
    assert found[P + "replica_breaker"].value(replica="a", state="closed") == 1
    assert found[P + "replica_breaker"].value(replica="a", state="open") == 0
    assert found[P + "client_connections"].value() == 4


def test_series_do_not_grow_without_end() -> None:
    measures = Measures()
    count(measures, [facts(route=f"r{number}") for number in range(SERIES + 500)])
    lines = [one for one in measures.render().decode().splitlines() if one.startswith(f"{P}requests_total{{")]
    assert len(lines) == SERIES + 1
    assert [one.rpartition(" ")[2] for one in lines if f'route="{OTHER}"' in one] == ["500"]


def test_proofs_and_changed_options_are_counted() -> None:
    measures = Measures()
    rows = [facts(), facts(), facts(replica="box/1")]
    rows[0].proof, rows[0].changed_options = "verified", 2
    rows[1].proof, rows[1].changed_options = "mismatch", 1
    count(measures, rows)
    text = measures.render().decode()
    assert f'{P}options_changed_total{{route="m"}} 3' in text
    assert f'{P}answers_total{{replica="box/0",proof="verified"}} 1' in text
    assert f'{P}answers_total{{replica="box/0",proof="mismatch"}} 1' in text
    read_exposition(measures.render())
