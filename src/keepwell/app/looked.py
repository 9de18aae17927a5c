"""What was looked for and what came of it: the useful screen of a machine on which nothing was found. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.app.report import Looked
from keepwell.core.observation import Missing, Seen
from keepwell.core.ref import Ref
from keepwell.core.values import rows_of, text_of
from keepwell.plugins.recognise import load_engines
from keepwell.survey.asking import Answer

#: Observations about a node that tell where an engine could have been, in words, and the word for what is counted.
_PLACES = (
    ("processes", "host.processes", "a program that looks like an engine's server"),
    ("listening ports", "host.sockets", "what answers there"),
    ("service units", "host.units", "usual units of engines"),
    ("containers", "host.containers", "docker, podman"),
    ("GPUs", "device.list", "the PCI bus"),
)


def list_looked(node: Ref, seen: Seen, answers: Iterable[Answer]) -> tuple[Looked, ...]:
    """One row for each place that was searched, then one for the engines that keepwell knows."""
    rows = [Looked(what=what, where=where, result=_result(seen, node, name)) for what, name, where in _PLACES]
    rows.append(_usual_ports(node, seen))
    asked = list(answers)
    right = [one for one in asked if not isinstance(one.identity, Missing)]
    ports = ", ".join(sorted({str(one.address.port) for one in asked}))
    result = f"{len(right)} of {len(asked)} that listen answered as an engine"
    if not asked:
        result = "nothing listens that could be asked"
    rows.append(Looked(what="addresses asked", where=ports, result=result))
    titles = ", ".join(sorted(one.title for one in load_engines().values()))
    rows.append(Looked(what="engines known", where="", result=titles))
    return tuple(rows)


def _usual_ports(node: Ref, seen: Seen) -> Looked:
    """The ports on which engines usually are, and which of them are taken."""
    ports = sorted({port for one in load_engines().values() for port in one.ports})
    taken = {text_of(row, "port") for row in rows_of(seen.value(node, "host.sockets"))}
    found = [str(port) for port in ports if str(port) in taken]
    result = f"something listens on {', '.join(found)}"
    if not found:
        result = "nothing listens on any of them"
    return Looked(what="usual ports", where=", ".join(map(str, ports)), result=result)


def _result(seen: Seen, node: Ref, name: str) -> str:
    value = seen.value(node, name)
    if isinstance(value, Missing):
        return str(value)
    return f"{len(rows_of(value))} seen"
