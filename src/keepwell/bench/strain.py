"""Whether the client itself was the limit of what was measured. Pure but for one look at this process."""

from __future__ import annotations

import resource
import sys
from dataclasses import replace
from pathlib import Path

from keepwell.bench.result import Client
from keepwell.bench.tally import Tally, quantile

#: Seconds by which one request in a hundred may be sent late: of a time to first token that people wait for it is a few
#: percent.
SEND_SECONDS = 0.005
#: Seconds by which the loop may be late once in a hundred times.
LOOP_SECONDS = 0.010
#: Share of one core from which a client waits for itself.
CPU_RATIO = 0.92
#: Share of the time to first token by which the client's reading of a known one may be off.
CALIBRATED_RATIO = 0.05


def judge_client(tally: Tally, cpu_seconds: float, seconds: float, limited: str) -> Client:
    """How the client did; `limited` is a reason that is known already."""
    send, loop = tally.send_lags.kept, tally.loop_lags.kept
    client = Client(
        send_lag_p50=quantile(send, 0.5),
        send_lag_p99=quantile(send, 0.99),
        loop_lag_p99=quantile(loop, 0.99),
        cpu_seconds=cpu_seconds,
        memory_bytes=measure_memory(),
        limited=limited,
    )
    reasons = [limited] * bool(limited)
    if client.send_lag_p99 > SEND_SECONDS:
        reasons.append(f"1 of 100 requests was sent {client.send_lag_p99 * 1000:.1f} ms late or more")
    if client.loop_lag_p99 > LOOP_SECONDS:
        reasons.append(f"its loop was {client.loop_lag_p99 * 1000:.1f} ms late 1 time in 100")
    if seconds > 0 and cpu_seconds / seconds > CPU_RATIO:
        reasons.append(f"it used {100 * cpu_seconds / seconds:.0f} % of a core")
    return replace(client, limited="; ".join(reasons))


def measure_memory() -> float:
    """The most bytes that this process has held in memory."""
    status = Path("/proc/self/status")
    try:
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) * 1024
    except OSError:
        pass
    most = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    if sys.platform == "darwin":
        return most
    return most * 1024
