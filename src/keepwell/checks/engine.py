"""Is each engine there, does it answer, is it able to serve, and do the children live that run its models?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at

#: Seconds that a server may take to open its port or load a model before that is a fault: large models come
#: from slow disks (vLLM needs 35 s for a tiny one).
START_SECONDS = 600.0
_EVERYWHERE = ("0.0.0.0", "[::]")
#: Results of a unit whose process did not end by itself (systemd.exec(5)).
_KILLED = frozenset({"signal", "core-dump", "watchdog", "oom-kill"})
#: Seconds from which the answer of an engine that has nothing to compute is slow.
SLOW_SECONDS = 2.0
_NAMES = ("engine.site", "engine.process", "engine.health", "engine.supervisor", "engine.log")


def serves(seen: Seen, ref: Ref) -> bool:
    """Whether anything serves: a process was seen, or the engine itself answered and told its release."""
    health = text_of(row_of(seen.value(ref, "engine.health")), "state")
    return bool(row_of(seen.value(ref, "engine.process"))) or health in ("well", "loading", "asleep")


def judge_running(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for an engine that ought to be there and is not."""
    for site in seen.named("engine.site"):
        ref = site.subject
        if serves(seen, ref):
            yield _finding(seen, ref, "engine.running", Status.OK, "is running", "engine.process")
        elif _failed(seen.value(ref, "engine.process")):
            yield _finding(seen, ref, "engine.running", Status.UNKNOWN, "could not be looked at", "engine.process")
        else:
            yield _stopped(seen, ref)


def _failed(value: Value | Missing) -> bool:
    return isinstance(value, Missing) and value.kind == "failed"


def _stopped(seen: Seen, ref: Ref) -> Finding:
    supervisor = row_of(seen.value(ref, "engine.supervisor"))
    log = row_of(seen.value(ref, "engine.log"))
    code = text_of(supervisor, "exit_code")
    error = text_of(log, "last_error")
    kind, words = "stopped", "is not running"
    if _holder(seen, ref):
        kind, words = "port-held", "is not running, and another program holds its port"
    elif text_of(supervisor, "result") in _KILLED or supervisor.get("oom_killed") is True:
        kind, words = "crashed", "is not running; its process was killed"
    elif error or text_of(supervisor, "state") == "failed":
        kind, words = "failed-to-start", "is not running; its last words tell of an error"
    elif code not in ("", "0"):
        kind, words = "crashed", f"is not running; it ended with code {code}"
    facts = engine_facts(seen, ref, kind=kind, exit_code=code, last_error=error)
    return Finding(
        check="engine.running",
        subject=ref,
        status=Status.CRITICAL,
        message=f"{engine_title(seen, ref)} {words}",
        facts=facts,
        evidence=looked_at(seen, ref, *_NAMES),
    )


def _holder(seen: Seen, ref: Ref) -> bool:
    port = text_of(row_of(seen.value(ref, "engine.site")), "port")
    listening = [row for one in seen.named("host.sockets") for row in rows_of(one.value)]
    return bool(port) and any(text_of(row, "port") == port for row in listening)


def judge_responding(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for a process that is there and does not answer."""
    for health in seen.named("engine.health"):
        ref = health.subject
        process = row_of(seen.value(ref, "engine.process"))
        state = text_of(row_of(health.value), "state")
        if not process or not state:
            continue
        if state not in ("silent", "refused"):
            yield _pace(seen, ref, find_number(row_of(health.value).get("seconds")) or 0.0)
            continue
        letter = text_of(process, "state")
        if state == "refused" and _listens_elsewhere(seen, ref):
            words = "listens at another address than it is asked at"
            yield _finding(seen, ref, "engine.responding", Status.UNKNOWN, words, "engine.listening", kind="elsewhere")
            continue
        facts = {"kind": state, "state": letter, "said": text_of(row_of(health.value), "said")}
        status, words = _silence(health, process, state, letter)
        yield _finding(seen, ref, "engine.responding", status, words, "engine.health", **facts)


def _pace(seen: Seen, ref: Ref, seconds: float) -> Finding:
    """How fast it answered: it does so from memory, in milliseconds, unless the machine is choked."""
    if seconds < SLOW_SECONDS:
        return _finding(seen, ref, "engine.responding", Status.OK, "answers", "engine.health")
    words = f"took {seconds:.1f} s to say that it is there"
    return _finding(seen, ref, "engine.responding", Status.WARNING, words, "engine.health", kind="slow")


def _listens_elsewhere(seen: Seen, ref: Ref) -> bool:
    """True if the process listens, but on another port or address: then that is the fault, not its silence."""
    site = row_of(seen.value(ref, "engine.site"))
    host, port = text_of(site, "host"), text_of(site, "port")
    places = [one.rpartition(":") for one in texts_of(seen.value(ref, "engine.listening"))]
    return bool(places) and not any(one[2] == port and one[0] in (host, *_EVERYWHERE) for one in places)


def _silence(health: Observation, process: Mapping[str, Value], state: str, letter: str) -> tuple[Status, str]:
    if letter == "T":
        return Status.CRITICAL, "does not answer: its process is stopped (state T)"
    if letter == "Z":
        return Status.CRITICAL, "does not answer: its process has ended and was not collected (state Z)"
    age = health.at - (find_number(process.get("started_at")) or 0.0)
    if state == "refused" and age < START_SECONDS:
        return Status.UNKNOWN, f"has not opened its port yet, {age:.0f} s after its start"
    if state == "refused":
        return Status.CRITICAL, "runs, but refuses connections at this address"
    return Status.CRITICAL, "accepts connections and does not answer"


def judge_healthy(seen: Seen) -> Iterator[Finding]:
    """Bad for an engine that answers and cannot serve: failing, asleep, or loading for too long."""
    for health in seen.named("engine.health"):
        ref = health.subject
        row = row_of(health.value)
        state = text_of(row, "state")
        said = text_of(row, "said")
        started = find_number(row_of(seen.value(ref, "engine.process")).get("started_at"))
        late = started is not None and health.at - started > START_SECONDS
        verdicts = {
            "well": (Status.OK, "is able to serve"),
            "failing": (Status.CRITICAL, f"answers, but cannot serve: {said}"),
            "asleep": (Status.WARNING, "is asleep: requests wait until someone wakes it"),
            "loading": ((Status.OK, Status.WARNING)[late], "is loading its model"),
        }
        if state in verdicts:
            status, words = verdicts[state]
            yield _finding(seen, ref, "engine.healthy", status, words, "engine.health", kind=state, said=said)


def judge_runner(seen: Seen) -> Iterator[Finding]:
    """CRITICAL when the child that runs a model is gone or stopped: it is said to be loaded, or to have failed.

    Nothing is said of the runners of an engine that says itself that it cannot serve.
    """
    for one in seen.named("engine.runners"):
        if isinstance(one.value, Missing):
            continue
        ref = one.subject
        runners = rows_of(one.value)
        failing = text_of(row_of(seen.value(ref, "engine.health")), "state") == "failing"
        stopped = [row for row in runners if text_of(row, "state") in ("T", "t")]
        local = [row for row in rows_of(seen.value(ref, "engine.loaded")) if row.get("in_child") is True]
        failed = [row for row in rows_of(seen.value(ref, "engine.models")) if text_of(row, "status") == "failed"]
        names = ("engine.runners", "engine.loaded", "engine.models")
        if stopped:
            facts = {"kind": "stopped", "runner_pid": text_of(stopped[0], "pid"), "model": text_of(stopped[0], "model")}
            words = f"has a model runner that is stopped (pid {facts['runner_pid']}, state T)"
            yield _finding(seen, ref, "engine.runner", Status.CRITICAL, words, *names, **facts)
        elif len(local) > len(runners):
            facts = {"kind": "died", "model": text_of(local[0], "name")}
            words = f"says that {facts['model']} is loaded, but the process that ran it is gone"
            yield _finding(seen, ref, "engine.runner", Status.CRITICAL, words, *names, **facts)
        elif failed:
            facts = {"kind": "failed", "model": text_of(failed[0], "name")}
            words = f"says that the process that ran {facts['model']} ended with an error"
            yield _finding(seen, ref, "engine.runner", Status.CRITICAL, words, *names, **facts)
        elif not failing:
            yield _finding(seen, ref, "engine.runner", Status.OK, "has a process for each loaded model", *names)


def _finding(seen: Seen, ref: Ref, check: str, status: Status, words: str, *names: str, **facts: str) -> Finding:
    return Finding(
        check=check,
        subject=ref,
        status=status,
        message=f"{engine_title(seen, ref)} {words}",
        facts=engine_facts(seen, ref, **facts),
        evidence=looked_at(seen, ref, *names),
    )


CHECKS = (
    Check(
        id="engine.running",
        title="Every engine that is declared, remembered or supervised is running",
        needs=("engine.site", "engine.process", "engine.health"),
        judge=judge_running,
    ),
    Check(
        id="engine.responding",
        title="A running engine answers",
        needs=("engine.process", "engine.health"),
        judge=judge_responding,
    ),
    Check(
        id="engine.healthy",
        title="An engine that answers can serve",
        needs=("engine.health", "engine.process"),
        judge=judge_healthy,
    ),
    Check(
        id="engine.runner",
        title="Each loaded model has a living process",
        needs=("engine.runners", "engine.loaded"),
        judge=judge_runner,
    ),
)
