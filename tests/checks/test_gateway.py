"""What the gateway saw of answers becomes findings about engines."""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.serving.attested import earlier_answers
from keepwell.core.finding import Status
from keepwell.core.observation import Value
from keepwell.store.canaries import Answer, Canary, save_canaries
from keepwell.store.requests import RECORD_FILE, RequestRow, add_rows, open_record
from tests.checks.judging import engine_seen, findings, only, status

KNOWN: Value = {"at": 1.0, "text": " alpha 0001", "digest": "aaaa", "made_of": "/m/alpha.gguf 1 bytes"}
OTHER: Value = {"at": 2.0, "text": " bravo 0001", "digest": "bbbb", "made_of": "/m/bravo.gguf 1 bytes"}


def canary(**more: Value) -> tuple[Value, ...]:
    """One model that answers as before."""
    row: dict[str, Value] = {"model": "m", "times": 2, "other_since": 0.0, "nonsense": False}
    return ({**row, "known": KNOWN, "last": KNOWN, **more},)


def test_another_model_than_was_asked() -> None:
    rows: tuple[Value, ...] = (
        {"asked": "m", "answered": "n", "count": 3, "last_at": 2.0},
        {"asked": "m", "answered": "o", "count": 1, "last_at": 1.0},
    )
    found = only("gateway.model", *engine_seen(gateway_mismatches=rows))
    assert found.status is Status.WARNING
    assert "asked for m" in found.message
    assert "n answered (4 answers in a day)" in found.message
    assert findings("gateway.model", *engine_seen()) == []


def test_a_model_that_answers_differently() -> None:
    found = only("gateway.canary", *engine_seen(gateway_canaries=canary(times=0, other_since=2.0, last=OTHER)))
    assert (found.status, found.facts["kind"]) == (Status.WARNING, "other-bytes")
    assert (found.facts["before"], found.facts["after"]) == ("aaaa", "bbbb")
    for words in (" alpha 0001", " bravo 0001", "/m/alpha.gguf", "/m/bravo.gguf"):
        assert words in found.message
    assert status("gateway.canary", *engine_seen(gateway_canaries=canary())) is Status.OK
    assert findings("gateway.canary", *engine_seen(gateway_canaries=canary(times=1))) == [], "asked once only"


def test_an_engine_that_minds_no_name() -> None:
    assert status("gateway.names", *engine_seen(gateway_canaries=canary(nonsense=True))) is Status.WARNING
    assert status("gateway.names", *engine_seen(gateway_canaries=canary())) is Status.OK


ROWS = st.dictionaries(
    st.sampled_from(["model", "times", "other_since", "nonsense", "known", "last", "asked", "answered", "count"]),
    st.text(max_size=4) | st.floats() | st.booleans() | st.just({"text": 7}),
)


@settings(max_examples=60)
@given(st.lists(ROWS, max_size=3))
def test_no_shape_breaks_a_judge(rows: list[dict[str, Value]]) -> None:
    seen = engine_seen(gateway_canaries=tuple(rows), gateway_mismatches=tuple(rows))
    for check in ("gateway.model", "gateway.canary", "gateway.names"):
        assert all(one.check == check for one in findings(check, *seen))


WORDS = dict.fromkeys(("key", "path", "dialect", "route", "asked", "answered", "replica", "outcome", "digest"), "")
COUNTS = dict.fromkeys(("id", "retries", "input_tokens", "output_tokens", "cached_tokens", "bytes_in", "bytes_out"), 0)
TIMES = dict.fromkeys(("queue_seconds", "first_byte_seconds", "total_seconds", "output_token_seconds"), 0.0)
MORE = {"at": 0.0, "status": 200, "stream": False, "proof": "", "device": "", "changed_options": 0}
ROW = RequestRow(**WORDS, **COUNTS, **TIMES, **MORE)


def test_the_record_and_the_canaries_are_what_is_judged(tmp_path: Path) -> None:
    connection = open_record(tmp_path / RECORD_FILE)
    for one in ({}, {}, {"at": 1.0}, {"proof": "said"}, {"replica": "far/made"}):
        values = {"at": 100_000.0, "replica": "node/made", "asked": "m", "answered": "n", "proof": "mismatch", **one}
        add_rows(connection, [astuple(replace(ROW, **values))], {})
    connection.close()
    answer = Answer(at=100_000.0, text="x")
    save_canaries(tmp_path, [Canary(replica="node/made", model="m", known=answer, last=answer, nonsense=True)])
    seen = list(earlier_answers(tmp_path, "node", 100_001.0))
    assert [(str(one.subject), one.name) for one in seen] == [
        ("engine:node/made", "gateway.mismatches"),
        ("engine:node/made", "gateway.canaries"),
    ]
    found = only("gateway.model", *engine_seen(), *seen)
    assert found.facts["count"] == "2"
    assert status("gateway.names", *engine_seen(), *seen) is Status.WARNING
    assert list(earlier_answers(tmp_path / "empty", "node", 1.0)) == []
