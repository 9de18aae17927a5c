"""Do the containers that run engines run, and did they ask for the GPU that the node has?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, rows_of, text_of

#: Restarts from which a container is in a loop; Docker doubles its pause up to a minute.
LOOP_RESTARTS = 3
#: Exit codes of a container that somebody stopped: none yet, 0, SIGTERM, and SIGKILL after the grace time.
STOPPED_CODES = ("", "0", "143", "137")


def judge_running(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for an engine's container that died, was killed for memory, or restarts again and again."""
    for one, row in _containers(seen):
        name, state, code = text_of(row, "name"), text_of(row, "state"), text_of(row, "exit_code")
        status, kind, words = Status.OK, "running", f"container {name} is {state}"
        if row.get("oom_killed") is True and state != "running":
            status, kind, words = Status.CRITICAL, "oom-killed", f"container {name} was killed at its memory limit"
        elif state == "restarting" or (find_number(row.get("restarts")) or 0) >= LOOP_RESTARTS:
            status, kind = Status.CRITICAL, "restarting"
            words = (
                f"container {name} restarts again and again ({text_of(row, 'restarts')} times), last exit code {code}"
            )
        elif state in ("exited", "dead") and code not in STOPPED_CODES:
            status, kind, words = Status.CRITICAL, "exited", f"container {name} ended with exit code {code}"
        yield _finding(one, row, "container.running", status, words, kind)


def judge_gpu(seen: Seen) -> Iterator[Finding]:
    """WARNING for an engine's container without a GPU on a node that has one."""
    devices = [row for one in seen.named("device.list") for row in rows_of(one.value)]
    if not devices:
        return
    for one, row in _containers(seen):
        name, gpus = text_of(row, "name"), row.get("gpus", "")
        status, words = Status.OK, f"container {name} asked for a GPU"
        if gpus in ("", "none", ()) and text_of(row, "state") == "running":
            status, words = Status.WARNING, f"container {name} runs an engine and asked for no GPU; the node has one"
        yield _finding(one, row, "container.gpu", status, words, "not-requested")


def _containers(seen: Seen) -> Iterator[tuple[Observation, Mapping[str, Value]]]:
    for one in seen.named("host.containers"):
        for row in rows_of(one.value):
            if text_of(row, "engine"):
                yield one, row


def _finding(one: Observation, row: Mapping[str, Value], check: str, status: Status, words: str, kind: str) -> Finding:
    facts = {key: text_of(row, key) for key in ("image", "exit_code", "runtime", "restarts", "compose", "error")}
    facts |= {"container": text_of(row, "name"), "unit": text_of(row, "name"), "kind": kind}
    return Finding(
        check=check,
        subject=Ref("container", (one.subject.node, text_of(row, "name"))),
        status=status,
        message=words,
        facts={key: value for key, value in facts.items() if value},
        evidence=(one,),
    )


CHECKS = (
    Check(
        id="container.running",
        title="Containers that run engines run",
        needs=("host.containers",),
        judge=judge_running,
    ),
    Check(
        id="container.gpu",
        title="An engine's container asked for the GPU",
        needs=("host.containers", "device.list"),
        judge=judge_gpu,
        level=2,
    ),
)
