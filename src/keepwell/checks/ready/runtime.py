"""Containers: is there a runtime, does it answer us, and can it hand out the GPU?"""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Seen
from keepwell.core.values import row_of, rows_of, text_of, texts_of
from keepwell.plugins.advice import Advice, advise


def judge_runtime(seen: Seen) -> Iterator[Finding]:
    """WARNING for a runtime that does not answer, and for one that has nothing to hand a GPU to containers with."""
    for one in seen.named("host.container_support"):
        row = row_of(one.value)
        runtimes = rows_of(row.get("runtimes"))
        silent = [text_of(each, "name") for each in runtimes if text_of(each, "problem")]
        said = "".join(text_of(each, "problem") for each in runtimes[:1])
        names = ", ".join(f"{text_of(each, 'name')} {text_of(each, 'version')}".strip() for each in runtimes)
        lacking = _lacking(seen, one) * bool(runtimes)
        verdict = Status.OK, f"containers: {names}"
        advice = Advice(where=str(one.subject), command="docker info; podman info")
        if not runtimes:
            verdict = Status.OK, "no container runtime is installed: an engine has to run as a unit of the system"
        elif silent:
            verdict = Status.WARNING, f"{silent[0]} is installed and does not answer this user: {said}"
            advice = Advice(
                where=str(one.subject),
                command=f"{silent[0]} info",
                why="keepwell sees and starts no container through it",
                next=f"systemctl start {silent[0]}, or ask as a user who may use it (its group is as good as root)",
                more={"kind": "silent", "runtime": silent[0]},
            )
        elif lacking:
            verdict = Status.WARNING, f"{names} cannot hand {lacking} GPUs to containers: nothing is installed for it"
            advice = Advice(
                where=str(one.subject),
                command="ls /etc/cdi /var/run/cdi",
                why="an engine in a container starts without the GPU and computes on the processor",
                next="install the vendor's container toolkit, and let it write its specification to /etc/cdi",
                more={"kind": "no-gpu", "vendor": lacking},
            )
        yield advise("ready.containers", one.subject, verdict, advice, (one,))


def _lacking(seen: Seen, one: Observation) -> str:
    """The vendor of a card here for which a tool ought to be installed and is not; "" where none lacks."""
    row = row_of(one.value)
    have = {text_of(tool, "vendor") for tool in rows_of(row.get("tools"))}
    here = {text_of(card, "vendor") for card in rows_of(seen.value(one.subject, "device.list"))}
    missing = [vendor for vendor in texts_of(row.get("wanted")) if vendor in here and vendor not in have]
    if not missing or texts_of(row.get("specifications")):
        return ""
    return missing[0]
