"""Do streamed answers arrive word by word, at the engine and through the proxies and gateways before it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.model_name import same_model
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.facts import engine_finding, not_seen

Row = Mapping[str, Value]
#: Words that must have come before their spread in time means anything.
EVENTS = 8
#: A stream whose words come within this share of the time that they took at the engine was held back.
HELD_SHARE = 0.25
#: A stream that comes in this many times fewer parts than at the engine was collected into blocks.
BLOCKS = 4
#: Seconds: the least spread that a short stream must have, a wait that a person notices, and a whole answer that is
#: long enough for "all at once" to matter.
LEAST_SPREAD = 0.02
NOTICED_SECONDS = 1.0
LONG_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pace:
    """How one stream went: seconds to its first and last part and between, the longest gap, parts and words."""

    first: float
    last: float
    gap: float
    pieces: float
    events: float

    @property
    def spread(self) -> float:
        """Seconds from the first part to the last."""
        return self.last - self.first


def _pace(row: Row) -> _Pace:
    names = ("first_seconds", "last_seconds", "longest_gap_seconds", "pieces", "events")
    first, last, gap, pieces, events = (find_number(row.get(name)) or 0.0 for name in names)
    return _Pace(first=first, last=last, gap=gap, pieces=pieces, events=events)


def judge_engine(seen: Seen) -> Iterator[Finding]:
    """WARNING when the engine's own stream breaks, has no end, or comes all at once."""
    for one in seen.named("engine.streams"):
        yield from not_seen("stream.engine", seen, one)
        rows = rows_of(one.value)
        if not rows:
            continue
        kind, words = _broken(rows[0])
        pace = _pace(rows[0])
        if not kind and pace.events >= EVENTS and pace.last > LONG_SECONDS and pace.spread < HELD_SHARE * pace.last:
            kind, words = "at-once", f"holds its answer back: it came at once, {pace.first:.1f} s after the request"
        status = {True: Status.WARNING, False: Status.OK}[bool(kind)]
        words = words or f"streams {pace.events:.0f} parts, the first after {pace.first:.2f} s"
        facts = {"kind": kind, "first_seconds": f"{pace.first:.3f}", "said": text_of(rows[0], "said")}
        yield engine_finding(seen, one, "stream.engine", status, words, facts)


def judge_hops(seen: Seen) -> Iterator[Finding]:
    """WARNING when a proxy or gateway holds the stream back, cuts it, breaks it, or lets another model answer."""
    for one in seen.named("engine.streams"):
        rows = rows_of(one.value)
        if len(rows) < 2 or _broken(rows[0])[0]:
            continue
        bad = [(row, found) for row in rows[1:] if (found := _judge_hop(rows[0], row))[0]]
        if bad:
            row, (kind, words) = bad[0]
            facts = _facts(rows[0], row) | {"kind": kind}
            message = f"streams, but {text_of(row, 'where')} at {text_of(row, 'url')} {words}"
            yield engine_finding(seen, one, "stream.hops", Status.WARNING, message, facts)
        else:
            names = ", ".join(text_of(row, "where") for row in rows[1:])
            words = f"streams through {names} as it does directly"
            yield engine_finding(seen, one, "stream.hops", Status.OK, words, _facts(rows[0], rows[1]))


def _broken(row: Row) -> tuple[str, str]:
    """The kind of fault of a stream by itself, and words that go behind a subject; ("", "") for none."""
    status, said = int(find_number(row.get("status")) or 0), text_of(row, "said")
    if status == 0:
        return "unreachable", f"gives no stream: {said}"
    if status in (401, 403):
        return "key", f"refuses the request (status {status}): {said}"
    if status != 200:
        return "refused", f"answers a streamed request with status {status}: {said}"
    if text_of(row, "encoding") not in ("", "identity"):
        return "encoded", f"compresses the stream ({text_of(row, 'encoding')}), although nobody asked for that"
    if row.get("ended") is not True and row.get("late") is not True:
        return "cut", f"stops within the stream, without its mark of the end: {said}".rstrip(": ")
    if said and row.get("late") is not True:
        return "malformed", f"breaks the stream: {said}"
    return "", ""


def _judge_hop(direct: Row, row: Row) -> tuple[str, str]:
    kind, words = _broken(row)
    if kind:
        return kind, words
    here, there = _pace(direct), _pace(row)
    later = there.first - here.first
    if here.events >= EVENTS and here.spread > LEAST_SPREAD and there.events >= EVENTS:
        if there.spread < HELD_SHARE * here.spread and later > here.spread * (1 - 2 * HELD_SHARE):
            return (
                "buffered",
                f"holds it back: all of it came at once after {there.first:.2f} s, not {here.first:.2f} s",
            )
        if there.pieces * BLOCKS <= here.pieces and here.pieces * 2 > here.events:
            return "blocks", f"passes it on in {there.pieces:.0f} blocks in place of {here.pieces:.0f} parts"
    if there.gap > here.gap + NOTICED_SECONDS:
        return "gap", f"lets it stand still for {there.gap:.1f} s (at the engine {here.gap:.1f} s)"
    if later > NOTICED_SECONDS:
        return "slow", f"gives the first word after {there.first:.1f} s, not {here.first:.1f} s"
    asked, answered = text_of(direct, "model"), text_of(row, "answered")
    if same_model(asked, text_of(row, "model")) and answered and not same_model(asked, answered):
        return "other-model", f"was asked for {asked}, and {answered} answered"
    return "", ""


def _facts(direct: Row, row: Row) -> dict[str, str]:
    return {
        "hop": text_of(row, "where"),
        "hop_url": text_of(row, "url"),
        "model": text_of(row, "model"),
        "answered": text_of(row, "answered"),
        "status": text_of(row, "status"),
        "first_seconds": text_of(row, "first_seconds"),
        "direct_first_seconds": text_of(direct, "first_seconds"),
        "longest_gap_seconds": text_of(row, "longest_gap_seconds"),
    }


def judge_callers(seen: Seen) -> Iterator[Finding]:
    """WARNING for a service that cannot open a connection to what it depends on from its own network."""
    for one in seen.named("service.callers"):
        rows = [row for row in rows_of(one.value) if text_of(row, "reach") != "no"]
        bad = [row for row in rows if text_of(row, "state") in _CALLS]
        asked = [row for row in rows if text_of(row, "state") != "unknown"]
        name = text_of(row_of(seen.value(one.subject, "service.site")), "title") or one.subject.name
        if bad:
            row = bad[0]
            facts = {key: text_of(row, key) for key in ("setting", "url", "host", "port", "target", "from", "said")}
            facts["kind"] = text_of(row, "state")
            place = {"container": "its container", "node": "this machine"}.get(facts["from"], "its place")
            words = f"cannot reach {facts['url']} ({facts['setting']}) from {place}: {_CALLS[facts['kind']]}"
            yield _of_service(one, Status.WARNING, f"{name} {words}", facts)
        elif asked:
            words = f"{name} reaches all {len(asked)} addresses that it depends on from its own network"
            yield _of_service(one, Status.OK, words, {})


_CALLS: Mapping[str, str] = {
    "refused": "nothing listens there",
    "silent": "nothing answers",
    "no-name": "the name is not known there",
    "no-route": "there is no way to it",
}


def _of_service(one: Observation, status: Status, words: str, facts: Mapping[str, str]) -> Finding:
    return Finding(
        check="stream.callers", subject=one.subject, status=status, message=words, facts=facts, evidence=(one,)
    )


CHECKS = (
    Check(
        id="stream.engine",
        title="An engine streams its answers word by word",
        needs=("engine.streams",),
        judge=judge_engine,
        level=3,
    ),
    Check(
        id="stream.hops",
        title="A stream comes through proxies and gateways as it does from the engine",
        needs=("engine.streams",),
        judge=judge_hops,
        level=3,
    ),
    Check(
        id="stream.callers",
        title="A service reaches what it depends on from its own network",
        needs=("service.callers",),
        judge=judge_callers,
        level=3,
    ),
)
