"""Does each GPU answer, may programs use it, is a split one usable, and has a virtual one its licence?"""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.checks.gpu.devices import evidence_of, list_gpus
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen
from keepwell.core.ref import node
from keepwell.core.values import find_number, row_of, text_of

#: What is said of a card in each condition; whatever is not here answers.
CONDITIONS = {
    "lost": "{name} is lost: it no longer answers on the bus, and only a reboot may bring it back",
    "reset-required": "{name} must be reset before it can be used again",
    "unreachable": "{name} does not answer its driver",
    "no-power": "{name} says that its extra power cables are not plugged in",
}
#: States of a licence without which the driver slows a virtual GPU down, or will after the first minutes.
UNLICENSED = frozenset({"restricted", "unlicensed"})


def judge_answers(seen: Seen) -> Iterator[Finding]:
    """Bad when the driver lists a card and the card does not answer, or drives a card and does not list it.

    In a container sysfs shows the machine's cards and the driver those that were given: what is not listed is
    not missing.
    """
    for gpu in list_gpus(seen):
        one = seen.find(gpu.ref, "device.condition")
        if one is None or not isinstance(one.value, str):
            continue
        status, words = Status.OK, f"{gpu.name} answers its driver"
        if one.value == "not-listed":
            if not gpu.driven or text_of(row_of(seen.value(node(gpu.ref.node), "host.system")), "container"):
                continue
            status, words = Status.WARNING, f"{gpu.name} is bound to its driver, and the driver does not list it"
        if one.value in CONDITIONS:
            status, words = Status.CRITICAL, CONDITIONS[one.value].format(name=gpu.name)
        yield Finding(
            check="gpu.answers",
            subject=gpu.ref,
            status=status,
            message=words,
            facts=gpu.facts(kind=one.value),
            evidence=evidence_of(one, seen.find(gpu.ref, "device.memory_total_bytes")),
        )


def judge_compute_mode(seen: Seen) -> Iterator[Finding]:
    """Bad when a card is set so that no program may compute on it."""
    for gpu in list_gpus(seen):
        one = seen.find(gpu.ref, "device.identity")
        mode = text_of(row_of(seen.value(gpu.ref, "device.identity")), "compute_mode")
        if not mode:
            continue
        status, words = Status.OK, f"programs may compute on {gpu.name} (mode {mode})"
        if mode == "prohibited":
            status, words = Status.CRITICAL, f"{gpu.name} is set so that no program may compute on it (mode {mode})"
        yield Finding(
            check="gpu.compute_mode",
            subject=gpu.ref,
            status=status,
            message=words,
            facts=gpu.facts(kind=mode),
            evidence=evidence_of(one),
        )


def judge_partition(seen: Seen) -> Iterator[Finding]:
    """Bad when a card is to be used in instances and has none, so that no program finds a device."""
    for gpu in list_gpus(seen):
        row = row_of(seen.value(gpu.ref, "device.partition"))
        if not row:
            continue
        count = find_number(row.get("instances")) or 0.0
        status, kind, words = Status.OK, "whole", f"{gpu.name} is used as a whole"
        if row.get("on") is True:
            kind, words = "split", f"{gpu.name} is split into {count:.0f} instance(s)"
        if kind == "split" and not count:
            status, kind = Status.CRITICAL, "empty"
            words = f"{gpu.name} is to be used in instances (MIG), and none was made: programs find no device"
        if row.get("on") != row.get("pending"):
            words += "; that changes at the next reset"
        yield Finding(
            check="gpu.partition",
            subject=gpu.ref,
            status=status,
            message=words,
            facts=gpu.facts(kind=kind, instances=f"{count:.0f}"),
            evidence=evidence_of(seen.find(gpu.ref, "device.partition")),
        )


def judge_licence(seen: Seen) -> Iterator[Finding]:
    """Bad when a virtual GPU has no licence, so that its driver slows it down."""
    for gpu in list_gpus(seen):
        row = row_of(seen.value(gpu.ref, "device.licence"))
        if row.get("virtual") is not True:
            continue
        state = text_of(row, "state")
        status, kind, words = Status.OK, "licensed", f"{gpu.name} is a virtual GPU with a licence"
        if state == "unrestricted":
            kind, words = "grace", f"{gpu.name} is a virtual GPU without a licence yet, and not slowed down so far"
        elif state in UNLICENSED:
            status, kind = Status.WARNING, "unlicensed"
            words = f"{gpu.name} is a virtual GPU without a licence: its driver slows it down"
        elif state != "licensed":
            status, kind, words = Status.UNKNOWN, "untold", f"{gpu.name} is a virtual GPU; its licence is not told"
        yield Finding(
            check="gpu.licence",
            subject=gpu.ref,
            status=status,
            message=words,
            facts=gpu.facts(kind=kind, state=state, product=text_of(row, "product")),
            evidence=evidence_of(seen.find(gpu.ref, "device.licence")),
        )
