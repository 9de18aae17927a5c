"""How a smoke test is made every night, and how that is taken back. Changes nothing."""

from __future__ import annotations

from keepwell.app.operation import Caller
from keepwell.app.smoke.report import NightlyReport
from keepwell.app.wiring import wire
from keepwell.config.load import FILE_NAME

#: The hour that is proposed: users sleep, and backups are mostly done.
HOUR = "03:30"


async def tell_nightly(caller: Caller) -> NightlyReport:
    """What keepwell.toml says, and what is to be done for it or against it."""
    async with wire(caller) as wiring:
        config = wiring.config
    path, when = "", config.hub.smoke_at
    if config.path is not None:
        path = str(config.path.absolute())
    return NightlyReport(at=when, path=path, steps=tuple(_steps(path or FILE_NAME, when)))


def _steps(path: str, when: str) -> list[str]:
    back = f"to take it back: remove the line smoke_at below [hub] in {path}"
    if when:
        return [f"the hub of `keepwell up` tests this machine and every node each night at {when}", _AFTER, back]
    return [
        f'write below [hub] in {path}: smoke_at = "{HOUR}"',
        "the hub of `keepwell up` sees it by itself; `keepwell up --print-unit` prints the unit that starts it at boot",
        _AFTER,
        back,
    ]


#: What becomes of what a night finds.
_AFTER = "findings become alerts (keepwell alerts list); keepwell compare last-1 last tells what a night changed"
