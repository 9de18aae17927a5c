"""The test button: a message to each outlet, delivered as alerts are, and what each said."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from keepwell.alerts.letters import deliver, find_notifier
from keepwell.alerts.wording import render_test
from keepwell.app.alerting.courier import read_address
from keepwell.app.operation import Caller
from keepwell.app.wiring import read_config
from keepwell.config.alert_model import NotifyEntry
from keepwell.core.errors import ConfigurationError
from keepwell.transport.local import LocalTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One outlet: through what it was told, how long that took, and "" or why it was not taken."""

    name: str
    through: str
    seconds: float
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTestReport:
    """The answer of `alerts test`."""

    tried: tuple[Tried, ...]

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.alert-test/1"

    @property
    def exit_code(self) -> int:
        """2 if an outlet did not take it."""
        return 2 * any(one.problem for one in self.tried)


async def try_outlets(caller: Caller, name: str) -> AlertTestReport:
    """Send a test to all outlets, or to one. Raises ConfigurationError where there is none."""
    entries = read_config(caller, LocalTransport().name).notify
    chosen = [one for one in entries if name in ("", one.name)]
    if not chosen:
        hint = "[[notify]] in keepwell.toml: name, and where its address stands"
        if entries:
            hint = f"there are: {', '.join(one.name for one in entries)}"
        raise ConfigurationError(f"no outlet {name!r}".replace(" ''", " is declared"), hint=hint)
    return AlertTestReport(tried=tuple(await asyncio.gather(*map(_try, chosen))))


async def _try(entry: NotifyEntry) -> Tried:
    began = time.monotonic()
    address, problem = read_address(entry)
    through = ""
    if not problem:
        notifier = find_notifier(address)
        through = notifier.title
        notice = render_test(entry.name, time.time())
        if notifier.renews_seconds:
            # a program would keep it: it is over as it begins
            notice = replace(notice, ended_at=time.time())
        (problem,) = await deliver(address, (notice,))
    return Tried(name=entry.name, through=through, seconds=time.monotonic() - began, problem=problem)
