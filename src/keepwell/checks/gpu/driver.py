"""Is the driver there, of one version, and does the compute runtime start?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.checks.gpu.devices import Gpu, evidence_of, list_gpus, vendor_row
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import node
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of

#: Kernel drivers that hold a device so that a virtual machine may have it: on purpose, not a fault.
PASSED_THROUGH = frozenset({"vfio-pci", "pci-stub", "xen-pciback"})
#: Seconds from which starting the runtime is so slow that it delays every first request.
SLOW_SECONDS = 2.0


def judge_module(seen: Seen) -> Iterator[Finding]:
    """Bad when no driver that can compute is bound to a device; says which of six reasons it is."""
    for gpu in list_gpus(seen):
        here = node(gpu.ref.node)
        driver = text_of(gpu.row, "driver")
        status, kind, words = Status.OK, "bound", f"{gpu.name} is driven by {driver}"
        if driver in PASSED_THROUGH:
            kind, words = "passed-through", f"{gpu.name} is handed to a virtual machine ({driver})"
        elif not gpu.driven:
            status, kind, words = _why_not(gpu, seen)
        row = vendor_row(seen, here.name, "device.driver", gpu.vendor)
        yield Finding(
            check="gpu.module",
            subject=gpu.ref,
            status=status,
            message=words,
            facts=gpu.facts(
                kind=kind,
                module=text_of(gpu.row, "driver_wished"),
                kernel=text_of(row, "kernel") or text_of(row_of(seen.value(here, "host.system")), "release"),
                module_file=text_of(row, "module_file"),
                library=text_of(row, "library"),
                built_for=" ".join(texts_of(row.get("built_for"))),
            ),
            evidence=evidence_of(*(seen.find(here, name) for name in ("device.list", "device.driver", "host.system"))),
        )


def _why_not(gpu: Gpu, seen: Seen) -> tuple[Status, str, str]:
    row = vendor_row(seen, gpu.ref.node, "device.driver", gpu.vendor)
    system = row_of(seen.value(node(gpu.ref.node), "host.system"))
    wished, bound, kernel = (
        text_of(gpu.row, "driver_wished"),
        text_of(gpu.row, "driver"),
        text_of(row, "kernel"),
    )
    rivals = texts_of(row.get("rivals"))
    if not row and not bound:
        return Status.WARNING, "not-bound", f"no driver is bound to {gpu.name}; what is installed was not looked at"
    if bound and bound not in rivals:
        return Status.UNKNOWN, "other-driver", f"{gpu.name} is driven by {bound}, which is not known to compute"
    if rivals:
        status = Status.WARNING
        if text_of(row, "library") or texts_of(row.get("built_for")):
            status = Status.CRITICAL
        return status, "other-driver", f"{gpu.name} is held by {rivals[0]}, not by {wished}; engines cannot use it"
    if wished in texts_of(row.get("loaded")):
        return Status.CRITICAL, "not-bound", f"the module {wished} is loaded and did not take {gpu.name}"
    if _refused(seen, gpu.ref.node) or (system.get("secure_boot") is True and text_of(row, "module_file")):
        return Status.CRITICAL, "unsigned", f"the kernel refuses the module {wished} (Secure Boot): it is not signed"
    if text_of(row, "module_file"):
        return Status.CRITICAL, "not-loaded", f"the module {wished} is there for kernel {kernel} and is not loaded"
    if not text_of(row, "library") and not texts_of(row.get("built_for")):
        return Status.WARNING, "not-installed", f"no driver is installed for {gpu.name}"
    if text_of(system, "container"):
        return (
            Status.CRITICAL,
            "not-loaded",
            f"the module {wished} is not loaded on the machine that runs this container",
        )
    return Status.CRITICAL, "not-built", f"there is no module {wished} for the running kernel {kernel}"


def _refused(seen: Seen, node_name: str) -> bool:
    rows = rows_of(seen.value(node(node_name), "device.errors"))
    return any(text_of(row, "kind") == "module" and text_of(row, "code") == "refused" for row in rows)


def judge_versions(seen: Seen) -> Iterator[Finding]:
    """Bad when the loaded module and the library that programs get are of different versions."""
    for one in seen.named("device.driver"):
        judged = [_judge_parts(row) for row in rows_of(one.value)]
        if judged:
            status, words, facts = max(judged, key=_status)
            yield Finding(
                check="gpu.versions",
                subject=one.subject,
                status=status,
                message=words,
                facts=facts,
                evidence=(one,),
            )


def _judge_parts(row: Mapping[str, Value]) -> tuple[Status, str, dict[str, str]]:
    vendor, module, library = (text_of(row, key) for key in ("vendor", "module", "library"))
    versions = {text_of(row_of(row.get("libraries")), path) for path in row_of(row.get("libraries"))} - {""}
    facts = {key: text_of(row, key) for key in ("vendor", "module", "library", "api", "flavour", "kernel")}
    status, kind, words = (
        Status.OK,
        "fits",
        f"the {vendor} driver's parts fit together ({module or library or 'in kernel'})",
    )
    if text_of(row, "problem"):
        status, kind, words = Status.CRITICAL, "wsl-library", text_of(row, "problem")
    elif module and library and module != library:
        status, kind = Status.CRITICAL, "mismatch"
        words = f"the loaded {vendor} module is {module}, the library is {library}: no program can use the GPU"
    elif len(versions) > 1 and module:
        status, kind = Status.CRITICAL, "mixed"
        words = f"{vendor} libraries of several versions are installed: {', '.join(sorted(versions))}"
    return status, words, {key: value for key, value in (facts | {"kind": kind}).items() if value}


def judge_runtime(seen: Seen) -> Iterator[Finding]:
    """Bad when initialising the compute runtime fails, gives no answer, or there is no library to do it with."""
    for one in seen.named("device.runtime"):
        driven = [gpu for gpu in list_gpus(seen, one.subject.node) if gpu.driven]
        if not driven:
            continue
        if isinstance(one.value, Missing):
            yield _silent(one, one.value, driven[0])
            continue
        for row in [row for row in rows_of(one.value) if "code" in row][:1]:
            code, name = text_of(row, "code"), text_of(row, "name")
            facts = {key: text_of(row, key) for key in ("vendor", "code", "name", "devices", "version")}
            module = text_of(vendor_row(seen, one.subject.node, "device.driver", facts["vendor"]), "module")
            if module:
                facts |= {"driver": module, "driver_branch": module.partition(".")[0]}
            status, kind = Status.OK, "started"
            words = f"the {text_of(row, 'vendor')} runtime starts and sees {text_of(row, 'devices')} device(s)"
            if code != "0":
                status, kind = Status.CRITICAL, "error"
                words = f"the {text_of(row, 'vendor')} runtime does not start: {name} ({code})"
            yield Finding(
                check="gpu.runtime",
                subject=one.subject,
                status=status,
                message=words,
                facts=facts | {"kind": kind},
                evidence=(one,),
            )


def _silent(one: Observation, why: Missing, gpu: Gpu) -> Finding:
    status, kind, words = Status.UNKNOWN, "not-asked", f"whether the {gpu.vendor} runtime starts is not known: {why}"
    if why.kind == "failed":
        status, kind, words = Status.WARNING, "no-answer", f"the {gpu.vendor} runtime gave no answer: {why.reason}"
    if why.kind == "absent":
        status, kind, words = Status.WARNING, "no-library", f"the {gpu.vendor} runtime is not installed: {why.reason}"
    return Finding(
        check="gpu.runtime",
        subject=one.subject,
        status=status,
        message=words,
        facts={"vendor": gpu.vendor, "kind": kind},
        evidence=(one,),
    )


def judge_persistence(seen: Seen) -> Iterator[Finding]:
    """Bad when the driver lets go of an idle card, and starting it again was seen to take long."""
    for gpu in list_gpus(seen):
        identity = row_of(seen.value(gpu.ref, "device.identity"))
        runtime = vendor_row(seen, gpu.ref.node, "device.runtime", gpu.vendor)
        seconds = find_number(runtime.get("seconds"))
        if "persistence" not in identity or seconds is None:
            continue
        status, words = Status.OK, f"{gpu.name} starts in {seconds:.1f} s"
        if identity["persistence"] is False and seconds >= SLOW_SECONDS:
            status = Status.WARNING
            words = f"{gpu.name} has persistence mode off and takes {seconds:.1f} s to start"
        yield Finding(
            check="gpu.persistence",
            subject=gpu.ref,
            status=status,
            message=words,
            facts=gpu.facts(seconds=f"{seconds:.1f}", persistence=identity["persistence"]),
            evidence=evidence_of(
                seen.find(gpu.ref, "device.identity"), seen.find(node(gpu.ref.node), "device.runtime")
            ),
        )


def _status(judged: tuple[Status, str, dict[str, str]]) -> Status:
    return judged[0]
