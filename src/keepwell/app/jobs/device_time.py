"""What a job that waits for device time needs where no gateway runs: devices and windows, written down for it."""

from __future__ import annotations

from keepwell.app.operation import Caller
from keepwell.app.serving.own_devices import find_own_devices
from keepwell.app.wiring import wire
from keepwell.core.job import JobSpec
from keepwell.jobs.device_rules import make_plain_rules
from keepwell.transport.local import local_name
from keepwell.turns.asking import load_plates
from keepwell.turns.book import save_rules


async def prepare_device_time(caller: Caller, spec: JobSpec) -> None:
    """Write the rules as keepwell.toml says them now; nothing where the gateway runs, which does so by itself, or where
    no device is wanted. Raises ConfigurationError, AccessError.
    """
    if not spec.device:
        return
    async with wire(caller) as wiring:
        if not load_plates(wiring.state):
            found = await find_own_devices(wiring)
            save_rules(wiring.state, make_plain_rules(wiring.config, wiring.hands.name, found))


def find_here() -> str:
    """This machine's name, as devices are called by it."""
    return local_name()
