"""The devices of a node as several checks of GPUs need them: rows of device.list with their Refs and readings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref, device, node
from keepwell.core.values import find_number, row_of, rows_of, text_of

#: Kinds that engines compute on; the small GPU in a processor and NPUs are left alone by most.
COMPUTING = frozenset({"discrete", "paravirtual", "soc"})
#: Memory below which a GPU is for the screen only: the smallest useful model needs about this much.
LEAST_BYTES = 2 * 1024**3
ASLEEP = frozenset({"suspended", "suspending"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One device that computes: where it is, its row of device.list, and its number among its vendor's."""

    ref: Ref
    row: Mapping[str, Value]
    number: int
    told_name: str = ""

    @property
    def vendor(self) -> str:
        """The maker's name."""
        return text_of(self.row, "vendor")

    @property
    def name(self) -> str:
        """The device's name as its driver tells it, else as the bus does, else its address."""
        return self.told_name or text_of(self.row, "name") or f"{self.vendor} GPU at {text_of(self.row, 'pci')}"

    @property
    def driven(self) -> bool:
        """True if a driver that can compute is bound to it."""
        return self.row.get("computes") is True

    @property
    def asleep(self) -> bool:
        """True while it is suspended."""
        return text_of(self.row, "power") in ASLEEP

    def facts(self, **more: object) -> dict[str, str]:
        """Facts of a finding about it; `gpu` is the number that the vendor's tools use. Empty ones are left out."""
        found = {
            "vendor": self.vendor,
            "device": self.ref.name,
            "gpu": str(self.number),
            "name": self.name,
            "pci": text_of(self.row, "pci"),
            "driver": text_of(self.row, "driver"),
        }
        found |= {key: str(value) for key, value in more.items()}
        return {key: value for key, value in found.items() if value}


def list_gpus(seen: Seen, node_name: str = "") -> Iterator[Gpu]:
    """The devices that engines compute on, of one node or of all."""
    for one in seen.named("device.list"):
        if node_name and one.subject.node != node_name:
            continue
        counts: dict[str, int] = {}
        for row in rows_of(one.value):
            vendor = text_of(row, "vendor")
            number = counts.get(vendor, 0)
            counts[vendor] = number + 1
            index = find_number(row.get("index"))
            if index is not None and text_of(row, "kind") in COMPUTING:
                ref = device(one.subject.node, int(index))
                told = text_of(row_of(seen.value(ref, "device.identity")), "name")
                yield Gpu(ref=ref, row=row, number=number, told_name=told)


def vendor_row(seen: Seen, node_name: str, name: str, vendor: str) -> Mapping[str, Value]:
    """This vendor's row of a node's observation (device.driver, device.runtime); {} if there is none."""
    rows = rows_of(seen.value(node(node_name), name))
    return next((row for row in rows if text_of(row, "vendor") == vendor), {})


def runtime_code(seen: Seen, node_name: str, vendor: str) -> float | None:
    """The code that the vendor's runtime gave when it was initialised; None if it was not asked or gave none."""
    return find_number(vendor_row(seen, node_name, "device.runtime", vendor).get("code"))


def works(seen: Seen, gpu: Gpu) -> bool:
    """True if nothing seen speaks against computing on it: driven, awake, large enough, and its runtime starts.

    Where the vendor's runtime cannot be asked, a device counts as working when its driver reports its memory.
    """
    total = find_number(seen.value(gpu.ref, "device.memory_total_bytes"))
    if not gpu.driven or gpu.asleep or (total is not None and total < LEAST_BYTES):
        return False
    row = vendor_row(seen, gpu.ref.node, "device.runtime", gpu.vendor)
    if row:
        return find_number(row.get("code")) == 0
    runtime = seen.value(node(gpu.ref.node), "device.runtime")
    return total is not None and (not isinstance(runtime, Missing) or runtime.kind == "unknown")


def on_gpu(seen: Seen, engine: Ref) -> bool:
    """True if a loaded model of this engine lies at least partly on a GPU: then it can be opened."""
    rows = rows_of(seen.value(engine, "engine.loaded"))
    return any((find_number(row.get("gpu_bytes")) or 0) > 0 for row in rows)


def engines_on(seen: Seen, node_name: str) -> tuple[Ref, ...]:
    """The engines of a node."""
    return tuple(ref for ref in seen.subjects("engine") if ref.node == node_name)


def engine_pids(seen: Seen, node_name: str) -> frozenset[int]:
    """Processes of the engines of a node: servers, their children and runners."""
    found: set[int] = set()
    for ref in engines_on(seen, node_name):
        process = row_of(seen.value(ref, "engine.process"))
        children = process.get("children", ())
        numbers: list[Value] = [process.get("pid", -1)]
        if isinstance(children, tuple):
            numbers += children
        numbers += [row.get("pid", -1) for row in rows_of(seen.value(ref, "engine.runners"))]
        found |= {one for one in numbers if isinstance(one, int)}
    return frozenset(found - {-1})


def evidence_of(*observations: Observation | None) -> tuple[Observation, ...]:
    """Those of the observations that exist."""
    return tuple(one for one in observations if one is not None)
