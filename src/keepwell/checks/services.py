"""Are the services beside the engines there, do they answer, and is what they depend on there?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.plugins.facts import looked_at

Row = Mapping[str, Value]
#: Seconds from which the answer of a service that has nothing to compute is slow.
SLOW_SECONDS = 2.5
_WHY = {
    "own-loopback": "which inside its container means the container itself, where nothing listens",
    "loopback-only": "and what listens there does so on loopback only",
    "nothing-listens": "and nothing listens there",
    "container-stopped": "and that container does not run",
    "refused": "and no connection can be made",
}


def judge_running(seen: Seen) -> Iterator[Finding]:
    """Bad for a service that is stopped: CRITICAL for a declared one, WARNING for one that is only enabled."""
    for one in seen.named("service.site"):
        site = row_of(one.value)
        state = text_of(row_of(seen.value(one.subject, "service.health")), "state")
        gone = text_of(site, "state") == "stopped" or (text_of(site, "state") == "unknown" and state == "refused")
        if not gone:
            yield _finding(seen, one.subject, "services.running", Status.OK, "is running")
            continue
        status = (Status.WARNING, Status.CRITICAL)[site.get("declared") is True]
        words = "is not running" + f" ({_place(site)})" * bool(_place(site))
        yield _finding(seen, one.subject, "services.running", status, words, kind="stopped")


def _place(site: Row) -> str:
    named = [(word, text_of(site, word)) for word in ("unit", "container", "url")]
    return ", ".join(f"{word} {name}" for word, name in named if name)


def judge_responding(seen: Seen) -> Iterator[Finding]:
    """Bad for a service that runs and does not answer, or answers that it does not work."""
    for one in seen.named("service.health"):
        site, health = row_of(seen.value(one.subject, "service.site")), row_of(one.value)
        state, said = text_of(health, "state"), text_of(health, "said")
        if text_of(site, "state") != "running" or not state:
            continue
        seconds = find_number(health.get("seconds")) or 0.0
        verdicts = {
            "well": (Status.OK, "answers"),
            "failing": (Status.WARNING, f"answers, but not as it should: {said}"),
            "silent": (Status.WARNING, "takes connections and does not answer"),
            "refused": (Status.WARNING, "runs, but refuses connections"),
        }
        status, words = verdicts.get(state, (Status.UNKNOWN, "could not be asked"))
        if state == "well" and seconds > SLOW_SECONDS:
            state, status, words = "slow", Status.WARNING, f"took {seconds:.1f} s to say that it is there"
        yield _finding(seen, one.subject, "services.responding", status, words, kind=state, said=said)


def judge_needs(seen: Seen) -> Iterator[Finding]:
    """WARNING for a service when what it depends on is down, or is not reached from its place."""
    for one in seen.named("service.site"):
        down = list(_down(seen, one.subject, row_of(one.value)))
        if down:
            words, facts = down[0]
            more = f" (and {len(down) - 1} more)" * (len(down) > 1)
            yield _finding(seen, one.subject, "services.needs", Status.WARNING, words + more, **facts)
        elif texts_of(row_of(one.value).get("needs")) or rows_of(seen.value(one.subject, "service.links")):
            yield _finding(seen, one.subject, "services.needs", Status.OK, "has what it needs")


def _down(seen: Seen, ref: Ref, site: Row) -> Iterator[tuple[str, dict[str, str]]]:
    links = rows_of(seen.value(ref, "service.links"))
    several = "several" * any(text_of(row, "reach") == "yes" for row in links)
    for row in links:
        why, target = text_of(row, "why"), text_of(row, "target")
        setting, url = text_of(row, "setting"), text_of(row, "url")
        if text_of(row, "reach") == "no":
            facts = {"kind": why, "setting": setting, "address": url, "target": target, "backends": several}
            yield f"cannot reach {url} ({setting}), {_WHY.get(why, 'which does not lead there')}", facts
        elif target and not _is_well(seen, Ref.parse(target)):
            facts = {"kind": "down", "setting": setting, "address": url, "target": target}
            yield f"needs {target} ({setting}), which is not well", facts
    for name in texts_of(site.get("needs")):
        found = find_needed(seen, ref.node, name)
        if found is None:
            yield f"needs {name}, which was not seen", {"kind": "not-seen", "target": name}
        elif not _is_well(seen, found):
            yield f"needs {name}, which is not well", {"kind": "down", "target": str(found)}


def find_needed(seen: Seen, node: str, name: str) -> Ref | None:
    """The service, engine or node that a declared need means, by name; those of the same node first."""
    known = [*seen.subjects("service"), *seen.subjects("engine"), *seen.subjects("node")]
    here = [one for one in known if one.node == node]
    return next((one for one in (*here, *known) if name in (one.name, str(one))), None)


def _is_well(seen: Seen, ref: Ref) -> bool:
    """False only if something was seen that says so."""
    if ref.kind == "engine":
        return text_of(row_of(seen.value(ref, "engine.health")), "state") not in ("failing", "silent", "refused")
    if ref.kind == "service":
        state = text_of(row_of(seen.value(ref, "service.health")), "state")
        return state not in ("failing", "silent", "refused", "stopped")
    return True


def judge_targets(seen: Seen) -> Iterator[Finding]:
    """WARNING for a Prometheus with targets that are down."""
    for one in seen.named("service.targets"):
        if isinstance(one.value, Missing):
            continue
        rows = rows_of(one.value)
        down = [row for row in rows if text_of(row, "health") == "down"]
        if not down:
            yield _finding(seen, one.subject, "services.targets", Status.OK, f"reaches all {len(rows)} targets")
            continue
        first = down[0]
        said = text_of(first, "error").rpartition('": ')[2]
        words = f"cannot read {len(down)} of {len(rows)} targets: {text_of(first, 'url')}: {said}"
        facts = {"job": text_of(first, "job"), "address": text_of(first, "url"), "error": text_of(first, "error")}
        yield _finding(seen, one.subject, "services.targets", Status.WARNING, words, kind="down", **facts)


def _finding(seen: Seen, ref: Ref, check: str, status: Status, words: str, **facts: str) -> Finding:
    site = row_of(seen.value(ref, "service.site"))
    title = text_of(site, "title") or ref.name
    if ref.name not in (text_of(site, "kind"), title):
        title = f"{title} ({ref.name})"
    known = {
        "service": title,
        "supervisor": _supervisor(site),
        "url": text_of(site, "url"),
        "unit": text_of(site, "unit"),
        "container": text_of(site, "container"),
        **facts,
    }
    return Finding(
        check=check,
        subject=ref,
        status=status,
        message=f"{title} {words}",
        facts={name: value for name, value in known.items() if value},
        evidence=looked_at(seen, ref, "service.site", "service.health", "service.links", "service.targets"),
    )


def _supervisor(site: Row) -> str:
    if text_of(site, "container"):
        return "container"
    return {True: "systemd"}.get(bool(text_of(site, "unit")), "process")


CHECKS = (
    Check(
        id="services.running",
        title="Services that are declared or enabled run",
        needs=("service.site", "service.health"),
        judge=judge_running,
        level=2,
    ),
    Check(
        id="services.responding",
        title="A running service answers as it should",
        needs=("service.site", "service.health"),
        judge=judge_responding,
        level=2,
    ),
    Check(
        id="services.needs",
        title="What a service depends on is there and can be reached from its place",
        needs=("service.site", "service.links", "service.health", "engine.health"),
        judge=judge_needs,
        level=2,
    ),
    Check(
        id="services.targets",
        title="Prometheus reaches what it should read",
        needs=("service.targets",),
        judge=judge_targets,
        level=2,
    ),
)
