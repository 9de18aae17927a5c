"""Level 3 judges: each finding where it is bad and where it is fine, from observations."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Seen, Value, absent, failed, unknown
from keepwell.core.ref import service
from keepwell.plugins import registry
from keepwell.survey.judge import judge, load_checks
from tests.checks.judging import engine_seen, findings, of_engine, only
from tests.machines import about

ANSWER: Mapping[str, Value] = {
    "model": "tiny:latest",
    "state": "answered",
    "status": 200,
    "seconds": 0.5,
    "tokens": 8,
    "answered": "tiny",
    "text": " alpha",
    "finish": "length",
    "input_tokens": 9,
    "output_tokens": 8,
    "said": "",
    "request": "POST http://127.0.0.1:7000/v1/chat/completions",
    "embedding_state": "unable",
}


def answer(check: str, *, after: Value | Missing = ({"name": "tiny:latest"},), **more: Value) -> Finding:
    """The finding about one answer like this."""
    seen = [of_engine("engine.answers", ({**ANSWER, **more},)), of_engine("engine.loaded_after", after)]
    return only(check, *seen, *engine_seen())


def test_a_model_that_answers_is_well() -> None:
    for check in ("answer.given", "answer.model", "answer.counted", "answer.stays"):
        assert answer(check).status is Status.OK, check


@pytest.mark.parametrize("state", ["refused", "failed", "malformed", "silent"])
def test_an_answer_that_does_not_come_is_critical_and_named(state: str) -> None:
    found = answer("answer.given", state=state, status=500, said="runner died")
    assert (found.status, found.facts["kind"]) == (Status.CRITICAL, state)
    assert "runner died" in found.message
    assert found.facts["request"].startswith("POST http://127.0.0.1:7000")


def test_a_model_without_a_chat_template_is_told_as_that() -> None:
    found = answer("answer.given", state="failed", status=400, said="you must provide a chat template")
    assert (found.status, found.facts["kind"]) == (Status.CRITICAL, "no-template")


def test_a_model_that_only_embeds_is_well_and_one_that_does_nothing_is_not() -> None:
    assert answer("answer.given", state="unable", embedding_state="answered").status is Status.OK
    assert answer("answer.given", state="unable").facts["kind"] == "unable"


def test_another_model_is_told_by_name_and_by_digest() -> None:
    found = answer("answer.model", answered="other-model")
    assert (found.status, found.facts["kind"], found.facts["answered"]) == (
        Status.WARNING,
        "other-model",
        "other-model",
    )
    assert answer("answer.model", model="/models/Tiny.gguf").status is Status.OK
    seen = [
        of_engine("engine.answers", (ANSWER,)),
        of_engine("engine.models", ({"name": "tiny:latest", "digest": "new"},)),
    ]
    stale = of_engine("engine.loaded_after", ({"name": "tiny:latest", "digest": "old"},))
    same = of_engine("engine.loaded_after", ({"name": "tiny:latest", "digest": "new"},))
    assert only("answer.model", *seen, stale, *engine_seen()).facts["kind"] == "other-digest"
    assert only("answer.model", *seen, same, *engine_seen()).status is Status.OK


@pytest.mark.parametrize("tokens", [9, 0])
def test_counts_that_cannot_be_are_told(tokens: int) -> None:
    assert answer("answer.counted", output_tokens=tokens).facts["kind"] == "miscount"


def test_an_embedding_that_breaks_is_told_and_one_that_is_not_there_is_not() -> None:
    broken = answer("answer.embedding", embedding_state="malformed", embedding_said="every number is 0")
    assert (broken.status, broken.facts["said"]) == (Status.WARNING, "every number is 0")
    well = answer("answer.embedding", embedding_state="answered", embedding_dimensions=768)
    assert (well.status, well.facts["dimensions"]) == (Status.OK, "768")
    assert findings("answer.embedding", of_engine("engine.answers", (ANSWER,)), *engine_seen()) == []


def test_a_model_that_leaves_at_once_is_told_and_one_that_stays_says_how_long() -> None:
    assert answer("answer.stays", after=()).facts["kind"] == "dropped"
    assert answer("answer.stays", after=({"name": "tiny:latest", "expires_at": 5.0},)).facts["kind"] == "dropped"
    kept = answer("answer.stays", after=({"name": "tiny:latest", "gpu_ratio": 0.5, "expires_at": 9e9},))
    assert kept.status is Status.OK
    assert "50% on GPUs" in kept.message
    assert findings("answer.stays", of_engine("engine.answers", (ANSWER,)), *engine_seen()) == []


ROW: Mapping[str, Value] = {"request": "GET http://x/props", "kind": "kept", "status": 200, "problem": "", "option": ""}


@pytest.mark.parametrize("kind", ["silent", "failed", "malformed", "refused", "missing"])
def test_a_promise_that_is_not_kept_is_named_with_its_request(kind: str) -> None:
    rows = (ROW, {**ROW, "kind": kind, "request": "GET http://x/slots", "problem": "id is not there"})
    found = only("api.promises", of_engine("engine.promises", rows), *engine_seen())
    assert (found.status, found.facts["kind"], found.facts["request"]) == (Status.WARNING, kind, "GET http://x/slots")
    assert "id is not there" in found.message


def test_what_is_switched_off_or_beyond_the_model_is_no_fault() -> None:
    rows = (ROW, {**ROW, "kind": "off", "option": "--metrics"}, {**ROW, "kind": "unable"})
    found = only("api.promises", of_engine("engine.promises", rows), *engine_seen())
    assert found.status is Status.OK
    assert "--metrics" in found.message


KEYS: Mapping[str, Value] = {
    "known": False,
    "configured": False,
    "bare_status": 200,
    "wrong_status": 200,
    "keyed_status": 0,
    "open_to": "network",
    "request": "GET http://x/v1/models",
}
KEYED: Mapping[str, Value] = {"bare_status": 401, "wrong_status": 401}


@pytest.mark.parametrize(
    ("more", "status", "kind"),
    [
        ({}, Status.OK, "open"),
        ({"open_to": "internet"}, Status.CRITICAL, "open"),
        ({"known": True, "keyed_status": 200}, Status.WARNING, "not-asked"),
        ({"configured": True}, Status.CRITICAL, "not-asked"),
        ({**KEYED}, Status.UNKNOWN, "unknown-key"),
        ({**KEYED, "known": True, "keyed_status": 200}, Status.OK, "keyed"),
        ({**KEYED, "known": True, "keyed_status": 401}, Status.CRITICAL, "key-refused"),
        ({**KEYED, "wrong_status": 200}, Status.CRITICAL, "any-key"),
    ],
)
def test_keys(more: Mapping[str, Value], status: Status, kind: str) -> None:
    found = only("api.key", of_engine("engine.key_check", {**KEYS, **more}), *engine_seen())
    assert (found.status, found.facts["kind"]) == (status, kind)


CROWD: Mapping[str, Value] = {
    "model": "tiny",
    "sent": 4,
    "limit": 2,
    "asked": 2,
    "waiting": 0,
    "setting": "--parallel",
    "served": 4,
    "refused": 0,
    "failed": 0,
    "late": 0,
    "at_once": 2,
    "shortest_seconds": 0.8,
    "said": "",
}


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, ""),
        ({"refused": 2, "served": 2, "said": "server busy"}, "refused"),
        ({"failed": 1, "said": "Compute error."}, "failed"),
        ({"late": 1}, "late"),
        ({"asked": 4}, "fewer"),
        ({"at_once": 1}, "one-by-one"),
        ({"at_once": 1, "shortest_seconds": 0.05}, ""),
        ({"limit": 0, "asked": 0, "at_once": 1}, ""),
    ],
)
def test_crowds(more: Mapping[str, Value], kind: str) -> None:
    found = only("api.crowd", of_engine("engine.crowd", {**CROWD, **more}), *engine_seen())
    assert found.facts.get("kind", "") == kind
    assert found.bad is bool(kind)


DIRECT: Mapping[str, Value] = {
    "where": "direct",
    "url": "http://127.0.0.1:7000",
    "model": "tiny",
    "answered": "tiny",
    "status": 200,
    "pieces": 33,
    "events": 32,
    "first_seconds": 0.1,
    "last_seconds": 1.1,
    "longest_gap_seconds": 0.05,
    "ended": True,
    "whole": True,
    "encoding": "",
    "said": "",
}
HOP: Mapping[str, Value] = {**DIRECT, "where": "nginx", "url": "http://127.0.0.1:8000"}


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, ""),
        ({"first_seconds": 0.3, "last_seconds": 1.3}, ""),
        ({"first_seconds": 1.1, "last_seconds": 1.11, "pieces": 1}, "buffered"),
        ({"pieces": 4, "longest_gap_seconds": 0.3, "first_seconds": 0.3}, "blocks"),
        ({"ended": False, "whole": False, "said": "peer closed"}, "cut"),
        ({"ended": False, "whole": False, "said": "no whole answer within 15 s", "late": True}, ""),
        ({"status": 502, "said": "Bad Gateway"}, "refused"),
        ({"status": 401}, "key"),
        ({"status": 0, "said": "no whole answer within 20 s"}, "unreachable"),
        ({"encoding": "gzip", "ended": False}, "encoded"),
        ({"said": "an event of the stream is not a JSON mapping"}, "malformed"),
        ({"longest_gap_seconds": 4.0, "last_seconds": 5.0}, "gap"),
        ({"first_seconds": 3.0, "last_seconds": 4.0}, "slow"),
        ({"answered": "other"}, "other-model"),
        ({"answered": "other", "model": "alias"}, ""),
    ],
)
def test_hops(more: Mapping[str, Value], kind: str) -> None:
    found = only("stream.hops", of_engine("engine.streams", (DIRECT, {**HOP, **more})), *engine_seen())
    assert found.facts.get("kind", "") == kind
    assert found.bad is bool(kind)
    assert found.facts["hop"] == "nginx"


def test_an_engines_own_stream() -> None:
    def kind(**more: Value) -> str:
        found = only("stream.engine", of_engine("engine.streams", ({**DIRECT, **more},)), *engine_seen())
        return found.facts.get("kind", "") + "!" * found.bad

    assert kind() == ""
    assert kind(first_seconds=1.05) == "at-once!"
    assert kind(ended=False) == "cut!"
    assert findings("stream.hops", of_engine("engine.streams", (DIRECT,)), *engine_seen()) == []


CALL: Mapping[str, Value] = {
    "setting": "OPENAI_API_BASE_URL",
    "url": "http://localhost:11434/v1",
    "host": "localhost",
    "port": 11434,
    "from": "container",
    "reach": "unknown",
    "state": "open",
}


@pytest.mark.parametrize("state", ["refused", "silent", "no-name", "no-route"])
def test_a_service_that_cannot_reach_what_it_needs(state: str) -> None:
    def judged(**more: Value) -> list[Finding]:
        return findings("stream.callers", about("service.callers", ({**CALL, **more},), subject=ref))

    ref = service("node", "open_webui")
    (found,) = judged(state=state)
    assert (found.status, found.subject, found.facts["kind"]) == (Status.WARNING, ref, state)
    assert "its container" in found.message
    assert judged()[0].status is Status.OK
    assert judged(state=state, reach="no") == []


def test_who_was_not_asked_finds_nothing_and_who_could_not_look_says_so() -> None:
    names = ("engine.answers", "engine.promises", "engine.streams", "engine.crowd", "engine.key_check")
    level3 = [one for one in load_checks(3) if one.level == 3]
    mine = [one for one in level3 if one.id.split(".")[0] in ("answer", "api", "stream")]
    assert len(mine) == 11
    for missing in (unknown("not asked for"), absent("none")):
        seen = Seen([*(of_engine(name, missing) for name in names), *engine_seen()])
        assert judge(seen, mine) == ()
    seen = Seen([*(of_engine(name, failed("cut off")) for name in names), *engine_seen()])
    assert {one.status for one in judge(seen, mine)} == {Status.UNKNOWN}
    assert registry.load("checks", "stream") is not None
