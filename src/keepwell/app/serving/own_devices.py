"""The devices of this machine, with their memory: for whoever shares their time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from keepwell.app.wiring import Wiring
from keepwell.core.errors import AccessError
from keepwell.core.ref import Ref
from keepwell.core.ref import node as node_ref
from keepwell.plugins.bus import find_devices, numbered
from keepwell.plugins.place import Place
from keepwell.plugins.probe import Probe
from keepwell.plugins.registry import load

#: The probe, and what it says of memory.
PROBE, READING = "gpu_readings", "device.memory_total_bytes"


async def find_own_devices(wiring: Wiring) -> Mapping[str, int]:
    """Each device by name ("gpu01/0") with its bytes of memory, 0 where its driver does not tell. Where there is none
    this costs a look at the bus; no sleeping device is woken.
    """
    transport = wiring.hands
    try:
        names = [name_of(ref) for ref, _, _ in numbered(transport.name, await find_devices(transport))]
    except AccessError:
        return {}
    if not names:
        return {}
    place = Place(node=node_ref(transport.name), transport=transport, clock=wiring.clock)
    probe = cast("Probe", load("probes", PROBE))
    told = [one for one in await probe.observe(place) if one.name == READING]
    sizes = {name_of(one.subject): int(one.value) for one in told if isinstance(one.value, int | float)}
    return {**dict.fromkeys(names, 0), **sizes}


def name_of(subject: Ref) -> str:
    """A device's name, without what kind of thing it is."""
    return str(subject).partition(":")[2]
