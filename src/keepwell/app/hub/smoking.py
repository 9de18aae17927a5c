"""The hub's duty of smoke tests: a comprehensive one of this machine and each node, every night at a set time.

Off unless keepwell.toml says when (`[hub] smoke_at`). What is pinned is read from the tests that are kept, so that it
is the same after a restart, and a test that a person makes in the morning replaces what the night found.
"""

from __future__ import annotations

import asyncio
import datetime

from keepwell.app.hub.duty import Hub
from keepwell.app.operation import Caller
from keepwell.core.errors import AccessError, KeepwellError
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref
from keepwell.store.smokes import KeptSmoke, SmokeRow, list_ids, load_smoke

#: Under which name its findings are pinned, with the node's behind it ("" for this machine).
SOURCE = "smoke"
#: Seconds after its time in which a test is made up for, where the hub did not run then: later it would fall into the
#: working day.
LATE_SECONDS = 6 * 3600.0
#: Seconds for one test: each of its questions has a limit of its own.
TEST_SECONDS = 1800.0

_Found = dict[tuple[str, str], Finding]


class Smoking:
    """One test at a time, beside the duty's own pace."""

    name = "smoke"
    every_seconds = 30.0

    def __init__(self) -> None:
        self._read = ""
        self._found: dict[str, _Found] = {}
        self._at: dict[str, float] = {}
        self._began = self._whole = 0.0
        self._test: asyncio.Task[None] | None = None

    async def do(self, hub: Hub, now: float) -> None:
        """Pin what was found, and begin a test when its time has come. Raises what kept the last one from being
        made.
        """
        when = hub.wiring.config.hub.smoke_at
        if self._test is not None and self._test.done():
            test, self._test = self._test, None
            test.result()
        if not when:
            self._clear(hub, now)
            return
        await asyncio.to_thread(self._take_new, hub)
        for target, found in self._found.items():
            hub.board.pin(f"{SOURCE} {target}".strip(), found.values(), self._at[target])
        if self._test is None and is_due(when, max(self._began, self._whole), now):
            self._began = now
            self._test = asyncio.create_task(_test_all(hub))

    async def close(self) -> None:
        """A test that is under way leaves the models as they were, and is not kept."""
        if self._test is not None:
            self._test.cancel()
            await asyncio.gather(self._test, return_exceptions=True)

    def _clear(self, hub: Hub, now: float) -> None:
        for target in self._found:
            hub.board.pin(f"{SOURCE} {target}".strip(), (), now)
        self._found, self._at, self._read = {}, {}, ""

    def _take_new(self, hub: Hub) -> None:
        """What tests have found that were kept since the last time; those of nodes alone, not of single engines."""
        targets = {"", *(one.name for one in hub.wiring.config.nodes)}
        for name in list_ids(hub.state):
            if name <= self._read:
                continue
            self._read = name
            try:
                test = load_smoke(hub.state, name)
                if test.kind == SOURCE and test.target in targets:
                    self._take(test)
            except (KeepwellError, ValueError, KeyError):  # one that is damaged hides no other
                continue

    def _take(self, test: KeptSmoke) -> None:
        """A comprehensive test replaces all that was found, another one its own questions."""
        made = {(one.check, one.subject): make_finding(one) for one in test.rows}
        earlier = self._found.get(test.target, {})
        if test.comprehensive:
            earlier = {}
            self._whole = max(self._whole, test.at * (not test.target))
        self._found[test.target] = {**earlier, **made}
        self._at[test.target] = test.at


def is_due(when: str, last: float, now: float) -> bool:
    """Whether a test is to be made: its time ("HH:MM", this machine's) has come since the last one, not long ago."""
    hour, minute = (int(one) for one in when.split(":"))
    moment = datetime.datetime.fromtimestamp(now)
    wished = moment.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if wished > moment:
        wished -= datetime.timedelta(days=1)
    return last < wished.timestamp() and now - wished.timestamp() <= LATE_SECONDS


def make_finding(row: SmokeRow) -> Finding:
    """A kept question as a finding again."""
    facts = {"kind": row.kind, "case": row.case}
    return Finding(
        check=row.check,
        subject=Ref.parse(row.subject),
        status=Status[row.status.upper()],
        message=row.message,
        facts={name: value for name, value in facts.items() if value},
    )


async def _test_all(hub: Hub) -> None:
    """This machine and every node that can be reached, one after the other; who collects from a node tells that it is
    away.
    """
    from keepwell.app.smoke.running import Wanted, smoke

    caller = Caller(asked_by="hub", config=hub.wiring.config.path, state=hub.state)
    problem = ""
    for target in ("", *(one.name for one in hub.wiring.config.nodes if one.address)):
        try:
            async with asyncio.timeout(TEST_SECONDS):
                report = await smoke(caller, target, Wanted(comprehensive=True))
        except TimeoutError:
            problem = f"the smoke test of {target or hub.here} took over {TEST_SECONDS:g} s and was given up"
        except AccessError as error:
            problem = str(error) * (not target)
        else:
            problem = problem or report.problem
    if problem:
        raise AccessError(problem, where="smoke")
