"""Does an engine answer what every engine of its kind answers, and is it as open as its owner wants?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.facts import engine_finding, not_seen

#: Ways in which a path fails, worst first, and how that is said.
_WAYS: Mapping[str, str] = {
    "silent": "does not answer",
    "failed": "fails at",
    "malformed": "answers in another form than promised at",
    "refused": "refuses",
    "missing": "lacks",
}
_REFUSED = frozenset({401, 403})


def judge_promises(seen: Seen) -> Iterator[Finding]:
    """WARNING for an engine that lacks a path of its kind or answers it in another form; the request is named."""
    for one in seen.named("engine.promises"):
        yield from not_seen("api.promises", seen, one)
        rows = rows_of(one.value)
        bad = sorted((row for row in rows if text_of(row, "kind") in _WAYS), key=_rank)
        if bad:
            kind, request = text_of(bad[0], "kind"), text_of(bad[0], "request")
            problem = text_of(bad[0], "problem")
            more = f" ({len(bad)} of {len(rows)} paths)" * (len(bad) > 1)
            facts = {"kind": kind, "request": request, "status": text_of(bad[0], "status"), "problem": problem}
            words = f"{_WAYS[kind]} {request}{more}: {problem}"
            yield engine_finding(seen, one, "api.promises", Status.WARNING, words, facts)
        elif rows:
            off = [text_of(row, "option") or _path(row) for row in rows if text_of(row, "kind") == "off"]
            words = f"answers all {len(rows)} paths of its kind"
            if off:
                words += f"; not switched on: {', '.join(off)}"
            yield engine_finding(seen, one, "api.promises", Status.OK, words, {})


def _path(row: Mapping[str, Value]) -> str:
    """The request without its body."""
    return " ".join(text_of(row, "request").split(" ")[:2])


def _rank(row: Mapping[str, object]) -> int:
    return list(_WAYS).index(str(row.get("kind")))


def judge_key(seen: Seen) -> Iterator[Finding]:
    """Bad for a key that is refused, or that the owner declares and nobody is asked for, or an engine that takes
    requests without a key from the internet. Open to its own network alone is how most run at home: OK, and said.
    """
    for one in seen.named("engine.key_check"):
        yield from not_seen("api.key", seen, one)
        if isinstance(one.value, Missing):
            continue
        status, kind, words = _judge_key(row_of(one.value))
        row = row_of(one.value)
        facts = {"kind": kind, "status": text_of(row, "bare_status"), "open_to": text_of(row, "open_to")}
        yield engine_finding(seen, one, "api.key", status, words, facts)


def _judge_key(row: Mapping[str, object]) -> tuple[Status, str, str]:
    bare, wrong, keyed = (_status(row, name) for name in ("bare_status", "wrong_status", "keyed_status"))
    known, configured = row.get("known") is True, row.get("configured") is True
    if known and keyed in _REFUSED:
        return Status.CRITICAL, "key-refused", f"refuses the key that keepwell.toml declares (status {keyed})"
    if wrong == 200 and bare in _REFUSED:
        return Status.CRITICAL, "any-key", "wants a key, and takes any"
    if bare == 200 and configured:
        return Status.CRITICAL, "not-asked", "runs with a key, and answers without one"
    if bare == 200 and known:
        return Status.WARNING, "not-asked", "answers without the key that keepwell.toml declares for it"
    if bare == 200 and row.get("open_to") == "internet":
        return Status.CRITICAL, "open", "listens on an address of the internet and answers without a key"
    if bare in _REFUSED and not known:
        return Status.UNKNOWN, "unknown-key", "wants a key, and keepwell.toml declares none (api_key)"
    if bare in _REFUSED:
        return Status.OK, "keyed", "answers with its key, and neither without nor with a wrong one"
    reach = {"network": "from its whole network", "local": "from this machine"}.get(str(row.get("open_to")), "")
    return Status.OK, "open", f"answers without a key {reach}".strip()


def _status(row: Mapping[str, object], name: str) -> int:
    value = row.get(name)
    if isinstance(value, int):
        return value
    return 0


def judge_crowd(seen: Seen) -> Iterator[Finding]:
    """WARNING when some of several requests at once were refused, broken or too late, or fewer ran than configured."""
    for one in seen.named("engine.crowd"):
        yield from not_seen("api.crowd", seen, one)
        row = row_of(one.value)
        if not row:
            continue
        kind, words = _judge_crowd(row)
        status = {True: Status.WARNING, False: Status.OK}[bool(kind)]
        names = ("sent", "served", "refused", "failed", "late", "at_once", "limit", "asked", "setting", "model", "said")
        facts = {"kind": kind} | {name: text_of(row_of(one.value), name) for name in names}
        yield engine_finding(seen, one, "api.crowd", status, words, facts)


def _judge_crowd(row: Mapping[str, object]) -> tuple[str, str]:
    """The kind of trouble ("" for none) and the words."""
    number = {
        name: int(find_number(value) or 0)
        for name, value in row.items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
    sent, limit, asked = number["sent"], number["limit"], number["asked"]
    said = str(row.get("said", ""))
    for kind, words in (("failed", "broke"), ("refused", "were refused"), ("late", "were not done in time")):
        if number[kind]:
            return kind, f"got {sent} requests at once, and {number[kind]} {words}: {said}".rstrip(": ")
    if asked and limit and limit < asked:
        return "fewer", f"answers {limit} requests at once, although {row.get('setting')} asks for {asked}"
    if limit > 1 and number["at_once"] == 1 and _lasted(row) > ONE_BY_ONE_SECONDS:
        return "one-by-one", f"answers one request at a time, although it is set to answer {limit}"
    more = f", {number['at_once']} of them beside each other" * (_lasted(row) > ONE_BY_ONE_SECONDS)
    more += f" (its limit is {limit})" * (limit > 0)
    return "", f"served {sent} requests that came at once{more}"


#: Seconds that each answer must have lasted before "one at a time" is told from answers that were simply quick.
ONE_BY_ONE_SECONDS = 0.5


def _lasted(row: Mapping[str, object]) -> float:
    value = row.get("shortest_seconds")
    if isinstance(value, float):
        return value
    return 0.0


CHECKS = (
    Check(
        id="api.promises",
        title="An engine answers every path of its kind in the promised form",
        needs=("engine.promises",),
        judge=judge_promises,
        level=3,
    ),
    Check(
        id="api.key",
        title="An engine asks for its key, and takes it",
        needs=("engine.key_check",),
        judge=judge_key,
        level=3,
    ),
    Check(
        id="api.crowd",
        title="Several requests at once are served or wait",
        needs=("engine.crowd",),
        judge=judge_crowd,
        level=3,
    ),
)
