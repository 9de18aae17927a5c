"""Keep the gateway's requests away from an engine for a time, where a gateway sends it any."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from keepwell.app.operation import Caller
from keepwell.app.serving.replicas import cordon, find_subject, uncordon
from keepwell.app.wiring import Wiring
from keepwell.core.errors import ConfigurationError, RefusedError
from keepwell.core.ref import Ref
from keepwell.gateway.choice.cordons import load_cordons
from keepwell.gateway.settings import SETTINGS_FILE, load_settings

#: Seconds for requests that run to end.
DRAIN_SECONDS = 600.0
WHY = "it is being stopped"


@contextlib.asynccontextmanager
async def keep_away(wiring: Wiring, caller: Caller, engine: Ref) -> AsyncIterator[None]:
    """No new request meanwhile, and none that runs at its begin; whoever had drained it before keeps it so.

    Raises RefusedError where requests do not end in time.
    """
    subject = _find_replica(wiring, engine)
    if not subject or subject in {one.subject for one in load_cordons(wiring.state)}:
        yield
        return
    report = await cordon(caller, subject, why=WHY, wait=True, timeout_seconds=DRAIN_SECONDS)
    try:
        if report.left > 0:
            hint = f"keepwell drain {subject} --wait tells which; then stop it"
            raise RefusedError(
                f"{report.left} requests still run after {DRAIN_SECONDS:.0f} s", where=subject, hint=hint
            )
        yield
    finally:
        await uncordon(caller, subject)


def _find_replica(wiring: Wiring, engine: Ref) -> str:
    """The engine as the gateway's last settings know it; "" where they do not, or there never was a gateway."""
    path = wiring.state / SETTINGS_FILE
    if not path.exists():
        return ""
    try:
        return find_subject(str(engine), load_settings(path).replicas)
    except ConfigurationError:
        return ""
