"""The whole loop on a real engine, for a machine without one."""

from typing import TYPE_CHECKING

from keepwell.app.operation import Caller, Operation

if TYPE_CHECKING:
    from keepwell.app.demo_report import DemoReport


async def demo(caller: Caller) -> "DemoReport":
    """Play the whole loop on a real server made for it.

    Starts a real llama.cpp server with a made model in a temporary folder, breaks it, finds and explains the
    fault, repairs it, proves that, takes the repair back, and cleans up. Under a minute.
    """
    from keepwell.app.demo import play

    return await play(caller)


OPERATIONS = (Operation(name="demo", effect="change", function=demo, faces=("cli",)),)
