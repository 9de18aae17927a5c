"""What may be done about a row: operations with their arguments, as they are typed. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keepwell.app.overview.model import Overview


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """`operation` with `arguments` is what runs, `command` the same as it is typed; `says` what it interrupts.
    `plans`: a plan is made first, and `operation` carries out what it holds.
    """

    title: str
    operation: str
    command: str
    says: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    plans: str = ""


def find_actions(overview: Overview, subject: str) -> tuple[Action, ...]:
    """For a row's subject; () where nothing is to be done about it."""
    kind, _, path = subject.partition(":")
    node, _, name = path.partition("/")
    if kind == "alert":
        return _about_alert(overview, path)
    if kind == "engine":
        return (*_about_engine(node, name, overview.here), _repair(node))
    if kind in ("node", "device"):
        return (_drain(node), _uncordon(node), _repair(node))
    if kind == "work":
        return _about_work(overview, node, name)
    return ()


def _about_alert(overview: Overview, name: str) -> tuple[Action, ...]:
    found = next((one for one in overview.alerts if one.id == name), None)
    if found is None:
        return ()
    known = Action(
        title="acknowledge it",
        operation="alerts ack",
        arguments={"incident": name},
        command=f"keepwell alerts ack {shlex.quote(name)}",
        says="Nobody is told of it again unless it gets worse. Nothing is interrupted.",
    )
    node = found.subject.partition(":")[2].partition("/")[0]
    return (known, _repair(node))


def _repair(node: str) -> Action:
    return Action(
        title="plan what mends it",
        operation="apply",
        command=f"keepwell plan {shlex.quote(node)}",
        says="Looks for repairs first and shows every change; nothing is changed before you say yes to them.",
        plans=node,
    )


def _about_engine(node: str, name: str, here: str) -> tuple[Action, ...]:
    place = f"{node}/{name}"
    arguments = {"name": name, "load": True}
    command = f"keepwell engine restart {shlex.quote(name)} --load"
    if node != here:
        arguments["node"] = node
        command += f" --node {shlex.quote(node)}"
    restart = Action(
        title="restart it",
        operation="engine restart",
        arguments=arguments,
        command=command,
        says="Its requests end first, new ones wait or go elsewhere. Proved afterwards: same release, same models.",
    )
    return (restart, _drain(place), _uncordon(place))


def _drain(place: str) -> Action:
    return Action(
        title="drain it",
        operation="drain",
        arguments={"name": place, "why": "drained in keepwell top"},
        command=f"keepwell drain {shlex.quote(place)} --why 'drained in keepwell top'",
        says="No new request goes there; what runs ends well. keepwell uncordon takes it back.",
    )


def _uncordon(place: str) -> Action:
    return Action(
        title="give it work again",
        operation="uncordon",
        arguments={"name": place},
        command=f"keepwell uncordon {shlex.quote(place)}",
        says="Requests go there again. Nothing is interrupted.",
    )


def _about_work(overview: Overview, kind: str, name: str) -> tuple[Action, ...]:
    found = next((one for one in overview.work if (one.kind, one.name) == (kind, name)), None)
    if found is None:
        return ()
    group = {"batch": "batch", "job": "jobs"}.get(kind, kind)
    verb, says = "resume", "It goes on where it was."
    if found.state in ("running", "waiting", "pausing", "alone"):
        verb = "stop"
        says = "What is in flight ends; nothing more is begun. It can be gone on with later."
    if (kind, verb) == ("batch", "resume"):
        return ()  # it works in the terminal that began it
    return (
        Action(
            title=f"{verb} it",
            operation=f"{group} {verb}",
            arguments={"job": name},
            command=f"keepwell {group} {verb} {shlex.quote(name)}",
            says=says,
        ),
    )
