"""Starting CUDA in a child process, and what its codes are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keepwell.core.observation import Missing, absent, failed, unknown
from keepwell.devices._child import CANNOT_ASK, ask_child
from keepwell.devices.nvidia.errors import load
from keepwell.plugins.device import RuntimeState
from keepwell.transport.base import Transport

CHILD = "keepwell.devices._cuda_child"
#: A healthy cuInit takes 0.05-0.5 s; without persistence mode up to 3 s for each GPU; a wedged one never ends.
SECONDS = 10.0


async def initialise(transport: Transport) -> RuntimeState | Missing:
    """What cuInit says in a child process; Missing(absent) where libcuda is not installed."""
    answer = await ask_child(CHILD, transport, SECONDS)
    if isinstance(answer, Missing) and answer.reason.startswith(CANNOT_ASK):
        return unknown(answer.reason)
    if isinstance(answer, Missing):
        return answer
    return parse_state(answer)


def parse_state(answer: Mapping[str, Any]) -> RuntimeState | Missing:
    """The child's JSON as a state; codes are named as in cuda.h, without the prefix CUDA_ERROR_ for success."""
    reason = answer.get("missing")
    if isinstance(reason, str):
        return absent(reason)
    code, devices, version = (answer.get(key) for key in ("code", "devices", "version"))
    seconds = answer.get("seconds", 0.0)
    if not isinstance(code, int) or not isinstance(devices, int) or not isinstance(version, int):
        return failed("the child that starts CUDA did not say how it went")
    if not isinstance(seconds, int | float):
        seconds = 0.0
    return RuntimeState(
        code=code, name=name_code(code), devices=devices, version=name_version(version), seconds=float(seconds)
    )


def name_code(code: int) -> str:
    """CUDA_ERROR_NO_DEVICE for 100, CUDA_SUCCESS for 0, CUDA_ERROR_<n> for one that is not in the table."""
    if code == 0:
        return "CUDA_SUCCESS"
    return f"CUDA_ERROR_{load()['cuda'].get(str(code), code)}"


def name_version(number: int) -> str:
    """12040 as "12.4" (thousands are the major version, tens the minor one); "" for 0."""
    if number <= 0:
        return ""
    return f"{number // 1000}.{number % 1000 // 10}"
