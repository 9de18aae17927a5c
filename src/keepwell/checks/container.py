"""Do the containers that run engines run, and did they ask for the GPU that the node has?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from operator import attrgetter

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, rows_of, text_of

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


def judge_reaches(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for a container whose settings name the address of an engine that it cannot reach from its place.

    Only addresses that mean this node or a container on it count, with the port of an engine that answers here: a
    container may well name its own public address, and not reach it. Of several addresses the worst is told.
    """
    worst: dict[Ref, Finding] = {}
    for one in _addresses(seen):
        if one.subject not in worst or one.status > worst[one.subject].status:
            worst[one.subject] = one
    yield from worst.values()


def _addresses(seen: Seen) -> Iterator[Finding]:
    serving = _serving_ports(seen)
    names = {text_of(row, "name") for one in seen.named("host.containers") for row in rows_of(one.value)}
    for one in seen.named("host.container_reach"):
        for row in rows_of(one.value):
            port, result, name = text_of(row, "port"), text_of(row, "result"), text_of(row, "container")
            if port not in serving or result in ("not-asked", "") or not _means_here(row, names):
                continue
            host, title = text_of(row, "host"), serving[port]
            status, kind, words = Status.OK, "reached", f"container {name} reaches {title} at {host}:{port}"
            if result != "reached":
                kind = _why_not(host, result)
                status = Status.CRITICAL
                words = (
                    f"container {name} cannot reach {title} at {text_of(row, 'url')} "
                    f"({text_of(row, 'variable')}): {_WHY_NOT[kind]}"
                )
            facts = {
                key: text_of(row, key) for key in ("container", "runtime", "variable", "url", "host", "port", "said")
            }
            facts |= {"kind": kind, "engine": title, "wished": _wished(row)}
            facts |= {"unit": name, "supervisor": "container"}
            yield Finding(
                check="container.reaches",
                subject=Ref("container", (one.subject.node, name)),
                status=status,
                message=words,
                facts={key: value for key, value in facts.items() if value},
                evidence=(one,),
            )


_WHY_NOT = {
    "own-loopback": "inside a container that is the container itself, not the node",
    "refused": "refused; nothing listens there for other machines",
    "silent": "no answer; a firewall may drop it",
    "unknown-name": "the name is not known there",
}


#: Where container engines put their bridges (RFC 1918): 172.16.0.0/12.
_BRIDGE = re.compile(r"172\.(1[6-9]|2\d|3[01])\.")


def _means_here(row: Mapping[str, Value], names: set[str]) -> bool:
    host = text_of(row, "host")
    return _is_loopback(host) or host in (text_of(row, "gateway"), *names) or bool(_BRIDGE.match(host))


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _why_not(host: str, result: str) -> str:
    if result == "refused" and _is_loopback(host):
        return "own-loopback"
    return result


def _wished(row: Mapping[str, Value]) -> str:
    """The same URL by the name that the node has in this run-time's containers."""
    gateway = text_of(row, "gateway")
    scheme, separator, _ = text_of(row, "url").partition("://")
    if not gateway or not separator:
        return ""
    return f"{scheme}://{gateway}:{text_of(row, 'port')}"


def _serving_ports(seen: Seen) -> dict[str, str]:
    """Ports at which an engine of the node answers, with its proper name."""
    found: dict[str, str] = {}
    for one in seen.named("engine.site"):
        health = text_of(row_of(seen.value(one.subject, "engine.health")), "state")
        row = row_of(one.value)
        if health in ("well", "loading", "asleep"):
            found[text_of(row, "port")] = text_of(row, "title")
    return found


def judge_driver(seen: Seen) -> Iterator[Finding]:
    """CRITICAL when the GPU library inside an engine's container is of another version than the node's loaded module;
    WARNING when the container asked for a GPU and has no such library.
    """
    for one in seen.named("engine.container"):
        found = list(_judge_libraries(one))
        if found:
            yield max(found, key=attrgetter("status"))


def _judge_libraries(one: Observation) -> Iterator[Finding]:
    inside = row_of(one.value)
    for row in rows_of(inside.get("drivers")):
        name, vendor = text_of(inside, "container"), text_of(row, "vendor")
        module, library = text_of(row, "module"), text_of(row, "library")
        asked = text_of(inside, "gpus") not in ("", "none")
        if not module or not (library or asked):
            continue
        status, kind = Status.OK, "fits"
        words = f"container {name} has the {vendor} library {library}, as the node's module"
        if not library:
            status, kind = Status.WARNING, "no-library"
            words = f"container {name} asked for a GPU, and no {vendor} library is inside"
        elif library != module:
            status, kind = Status.CRITICAL, "mismatch"
            words = f"container {name} has the {vendor} library {library}, the node's loaded module is {module}"
        facts = {"kind": kind, "container": name, "unit": name, "vendor": vendor, "module": module}
        facts |= {"library": library, "runtime": text_of(inside, "runtime")}
        yield Finding(
            check="container.driver",
            subject=one.subject,
            status=status,
            message=words,
            facts={key: value for key, value in facts.items() if value},
            evidence=(one,),
        )


def _containers(seen: Seen) -> Iterator[tuple[Observation, Mapping[str, Value]]]:
    for one in seen.named("host.containers"):
        for row in rows_of(one.value):
            if text_of(row, "engine"):
                yield one, row


def _finding(one: Observation, row: Mapping[str, Value], check: str, status: Status, words: str, kind: str) -> Finding:
    facts = {key: text_of(row, key) for key in ("image", "exit_code", "runtime", "restarts", "compose", "error")}
    facts |= {"container": text_of(row, "name"), "unit": text_of(row, "name"), "kind": kind, "supervisor": "container"}
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
    Check(
        id="container.reaches",
        title="Containers reach the engines that their settings name",
        needs=("host.container_reach", "engine.site", "engine.health"),
        judge=judge_reaches,
        level=2,
    ),
    Check(
        id="container.driver",
        title="The GPU library in a container fits the node's driver",
        needs=("engine.container",),
        judge=judge_driver,
        level=2,
    ),
)
