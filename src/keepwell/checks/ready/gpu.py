"""The GPU, its driver and its compute runtime, before an engine asks for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref, device
from keepwell.core.values import row_of, rows_of, text_of
from keepwell.plugins.advice import Advice, advise

#: Kinds that have a driver of their own for computing; what a processor has built in is no loss where it has none.
_COUNTS = frozenset({"discrete", "npu", "paravirtual", "soc"})
_SEE = "lspci -nnk"
_ASK = "keepwell diagnose --level 2"
_NUMBER = re.compile(r"\d{1,6}")


def judge_gpu(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for a GPU without a driver that computes, and for none where the engine cannot do without."""
    for one in seen.named("device.list"):
        rows = [row for row in rows_of(one.value) if text_of(row, "kind") in _COUNTS]
        if isinstance(one.value, Missing) and one.value.kind != "absent":
            yield _unseen("ready.gpu", one, f"GPUs could not be looked for: {one.value.reason}", _SEE)
        elif not rows:
            yield _none(seen, one)
        for row in rows:
            yield _judge_card(one, row)


def _judge_card(one: Observation, row: Mapping[str, Value]) -> Finding:
    name = text_of(row, "name") or text_of(row, "vendor")
    bound, wished = text_of(row, "driver"), text_of(row, "driver_wished")
    verdict = Status.OK, f"{name} is there, driven by {bound}"
    if row.get("computes") is not True:
        verdict = Status.CRITICAL, f"{name} has no driver that computes ({bound or 'none'} is bound to it)"
    advice = Advice(
        where=f"{device(one.subject.name, text_of(row, 'index'))}, {text_of(row, 'pci')}",
        command=f"{_SEE} -s {text_of(row, 'pci')}",
        why="an engine that cannot use the card computes on the processor, ten to fifty times slower, and says little",
        next=f"install the driver {wished} of your distribution, restart, and ask again; `keepwell diagnose` says what "
        "keeps an installed one from loading",
        more={"driver": bound, "wished": wished},
    )
    return advise("ready.gpu", device(one.subject.name, text_of(row, "index")), verdict, advice, (one,))


def _none(seen: Seen, one: Observation) -> Finding:
    wanted = row_of(seen.value(one.subject, "ready.wanted"))
    title = text_of(wanted, "title") or "an engine"
    verdict = Status.WARNING, f"there is no GPU: {title} will compute on the processor"
    if text_of(wanted, "gpu") == "needed":
        verdict = Status.CRITICAL, f"there is no GPU, and {title} needs one"
    advice = Advice(
        where=str(one.subject),
        command=_SEE,
        why="a processor writes some words a second with a small model, a GPU ten to fifty times as many",
        next="put in a card, hand one to this virtual machine, or choose a small model and an engine that does without",
    )
    return advise("ready.gpu", one.subject, verdict, advice, (one,))


def judge_driver(seen: Seen) -> Iterator[Finding]:
    """CRITICAL where module and library are of two versions, or one of them is not there."""
    for one in seen.named("device.driver"):
        here = rows_of(seen.value(one.subject, "device.list"))
        vendors = {text_of(row, "vendor") for row in here if text_of(row, "kind") in _COUNTS}
        for row in rows_of(one.value):
            if text_of(row, "vendor") in vendors:
                yield _judge_parts(one, row)


def _judge_parts(one: Observation, row: Mapping[str, Value]) -> Finding:
    vendor, module, library = (text_of(row, key) for key in ("vendor", "module", "library"))
    verdict = Status.OK, f"the {vendor} driver's parts fit together ({module or library or 'in the kernel'})"
    if text_of(row, "problem"):
        verdict = Status.CRITICAL, text_of(row, "problem")
    elif module and library and module != library:
        verdict = Status.CRITICAL, f"the loaded {vendor} module is {module}, the library is {library}"
    elif module and not library:
        verdict = Status.CRITICAL, f"the {vendor} module {module} is loaded, but there is no library for programs"
    advice = Advice(
        where=f"{one.subject}, kernel {text_of(row, 'kernel')}",
        command=f"grep -H . /sys/module/*/version; ldconfig -p | grep -i {vendor.split()[0].lower()}",
        why="programs and the kernel's part of a driver only talk to their own version: nothing can use the GPU",
        next="restart into the new driver, or install module and library from one package source; then hold them",
        more={"module": module, "library": library},
    )
    return advise("ready.driver", one.subject, verdict, advice, (one,))


def judge_api(seen: Seen) -> Iterator[Finding]:
    """CRITICAL where the compute runtime does not start, or is older than the engine's builds need."""
    for one in seen.named("device.runtime"):
        if isinstance(one.value, Missing) and one.value.kind == "failed":
            yield _unseen("ready.api", one, f"the compute runtime could not be asked: {one.value.reason}", _ASK)
        for row in rows_of(one.value):
            yield _judge_runtime(one, row, row_of(seen.value(one.subject, "ready.wanted")))


def _judge_runtime(one: Observation, row: Mapping[str, Value], wanted: Mapping[str, Value]) -> Finding:
    vendor, version, code = (text_of(row, key) for key in ("vendor", "version", "code"))
    least = text_of(row_of(wanted.get("api")), vendor)
    verdict = Status.OK, f"the {vendor} runtime starts: API {version or 'of an unknown release'}"
    if not code:
        verdict = Status.UNKNOWN, f"the {vendor} runtime was not started: {text_of(row, 'reason')}"
    elif code != "0":
        verdict = Status.CRITICAL, f"the {vendor} runtime does not start: {text_of(row, 'name')} ({code})"
    elif least and version and _release(version) < _release(least):
        title = text_of(wanted, "title")
        verdict = Status.CRITICAL, f"the {vendor} driver offers API {version}, {title} needs {least} or newer"
    advice = Advice(
        where=str(one.subject),
        command=_ASK,
        why="an engine starts this runtime first; where that fails it computes on the processor or does not start",
        next="install a newer driver and restart; `keepwell diagnose` ranks what keeps a runtime from starting",
        more={"version": version, "least": least, "code": code},
    )
    return advise("ready.api", one.subject, verdict, advice, (one,))


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in _NUMBER.findall(text)[:3])


def _unseen(check: str, one: Observation, words: str, command: str) -> Finding:
    subject: Ref = one.subject
    advice = Advice(where=str(subject), command=command, next="ask again as a user who may look (root sees all)")
    return advise(check, subject, (Status.UNKNOWN, words), advice, (one,))
