"""What was looked for and what came of it: the useful screen of a machine on which nothing was found. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.app.report import Looked
from keepwell.core.observation import Missing, Seen
from keepwell.core.ref import Ref
from keepwell.core.values import rows_of
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
    asked = [one.address for one in answers]
    silent = [one for one in answers if isinstance(one.identity, Missing)]
    ports = sorted({one.port for one in asked})
    result = f"{len(asked) - len(silent)} of {len(asked)} answered as an engine"
    rows.append(Looked(what="addresses asked", where=", ".join(map(str, ports)), result=result))
    titles = ", ".join(sorted(one.title for one in load_engines().values()))
    rows.append(Looked(what="engines known", where="", result=titles))
    return tuple(rows)


def _result(seen: Seen, node: Ref, name: str) -> str:
    value = seen.value(node, name)
    if isinstance(value, Missing):
        return str(value)
    return f"{len(rows_of(value))} seen"
