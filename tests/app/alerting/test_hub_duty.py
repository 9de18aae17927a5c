"""From findings on the board to messages at real receivers, through the duty that the hub runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from keepwell.app.hub.alerting import BEAT_FILE, Alerting
from keepwell.app.hub.duty import Duty, Hub
from keepwell.app.hub.limits import Limits
from keepwell.config.alert_model import AlertsEntry, NotifyEntry
from keepwell.config.model import Config, NodeEntry, ServiceEntry
from keepwell.config.secret_reference import Secret
from keepwell.core.finding import Finding, Status
from keepwell.core.series import Batch, SeriesKey
from keepwell.gateway.choice.cordons import Cordon, add_cordon, remove_cordon
from keepwell.store.alert_desk import Ack, Desk, change_desk
from keepwell.store.alert_history import load_entries
from keepwell.store.alert_state import FILE_NAME, load_alerts
from keepwell.testing.clock import FakeClock
from keepwell.testing.receivers import Inbox, http_receiver
from tests.alerts.steps import bad
from tests.app.hub.made import Lines, make_hub
from tests.support import eventually_async

NODE = "node:gpu01"


@dataclass
class House:
    """A hub with its alerts, a receiver, and a clock that only the test moves."""

    state: Path
    inbox: Inbox
    config: Config
    clock: FakeClock = field(default_factory=FakeClock)
    lines: Lines = field(default_factory=Lines)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A new process on the same folder: nothing was finished properly."""
        self.hub: Hub = make_hub(self.state, self.lines, self.config, self.clock)
        self.duty = Alerting()
        self.limits = Limits()

    async def go(self, seconds: float, pins: dict[str, list[Finding]], step: float = 5.0) -> None:
        """So much time in which sources say this."""
        for _ in range(int(seconds / step)):
            self.clock.advance(step)
            now = self.clock.now()
            for name, found in pins.items():
                self.hub.board.pin(name, found, now)
            await self.duty.do(self.hub, now)
            await asyncio.sleep(0)

    async def arrived(self, count: int) -> list[str]:
        """The titles, once there are so many and that is written down."""

        async def all_there() -> bool:
            await self.duty.do(self.hub, self.clock.now())
            return len(self.inbox.messages) >= count and not load_alerts(self.state).letters

        await eventually_async(all_there, 20.0, f"{count} messages")
        assert all("title" in one.said for one in self.inbox.messages), self.inbox.messages
        return [str(one.said["title"]) for one in self.inbox.messages]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Told by ntfy's wire, its address in a file."""
    with http_receiver() as inbox:
        address = tmp_path / "address"
        address.write_text(f"ntfy://127.0.0.1:{inbox.port}/homelab\n")
        config = Config(
            alerts=AlertsEntry(explain=False),
            notify=(NotifyEntry(name="phone", address=Secret(file=str(address))),),
            nodes=(NodeEntry(name="gpu01", address="192.0.2.1"),),
            services=(ServiceEntry(name="chat", node="web", needs=("gpu01",)),),
        )
        yield House(tmp_path / "state", inbox, config)


def _outage(dependents: int = 50) -> dict[str, list[Finding]]:
    engines = [bad("engine.responding", f"engine:gpu01/ollama:{20000 + one}") for one in range(dependents - 1)]
    chat = bad("service.responding", "service:web/chat")
    return {"nodes": [bad("node.reached", NODE, message="gpu01 is not reached")], "engines": [*engines, chat]}


def test_they_are_duties() -> None:
    assert isinstance(Alerting(), Duty)
    assert isinstance(Limits(), Duty)


async def test_fifty_dependents_down_are_one_message_and_one_recovery(house: House) -> None:
    await house.go(300, _outage())
    (title,) = await house.arrived(1)
    assert title == "gpu01 is not reached"
    assert "50 affected" in str(house.inbox.messages[0].said["message"])
    await house.go(1500, _outage(), step=60)
    await house.go(180, {"nodes": [], "engines": []})
    titles = await house.arrived(2)
    assert titles == ["gpu01 is not reached", "Well again: gpu01 is not reached"]
    await house.go(600, {"nodes": [], "engines": []}, step=60)
    await house.duty.close()
    assert len(house.inbox.messages) == 2
    kinds = [one.what for one in load_entries(house.state, 100)]
    assert kinds == ["opened", "new", "over", "closed"]


async def test_where_nothing_ever_was_wrong_it_is_known_that_somebody_looks(tmp_path: Path) -> None:
    duty = Alerting()
    await duty.do(make_hub(tmp_path / "new"), 1_000_000.0)
    await duty.close()
    assert (tmp_path / "new" / BEAT_FILE).exists()


async def test_a_restart_repeats_nothing_and_invents_no_recovery(house: House) -> None:
    await house.go(300, _outage(3))
    await house.arrived(1)
    kept = load_alerts(house.state).state
    house.restart()
    # nothing was found yet: for ten minutes nobody says anything
    await house.go(600, {}, step=30)
    assert load_alerts(house.state).state.incidents == kept.incidents
    await house.go(600, _outage(3), step=30)
    await house.duty.close()
    assert len(house.inbox.messages) == 1
    house.restart()
    await house.go(300, {"nodes": [], "engines": []}, step=30)
    assert (await house.arrived(2))[1].startswith("Well again")
    await house.duty.close()


async def test_what_could_not_be_delivered_is_delivered_by_the_next_hub(house: House) -> None:
    house.inbox.down = True
    await house.go(300, _outage(3))
    (letter,) = load_alerts(house.state).letters
    assert not letter.recovery

    async def tried() -> bool:
        return bool(load_alerts(house.state).outlets)

    await eventually_async(tried, 20.0)
    assert "phone was not told" in " ".join(house.lines.told)
    assert "127.0.0.1" not in " ".join(house.lines.told)
    await house.duty.close()
    house.restart()
    house.inbox.down = False
    house.clock.advance(3600)
    assert await house.arrived(1) == ["gpu01 is not reached"]
    await house.duty.close()
    assert load_alerts(house.state).letters == ()


async def test_who_knows_is_not_told_again(house: House) -> None:
    house.config = replace(house.config, alerts=AlertsEntry(explain=False, repeat_critical_seconds=300.0))
    house.restart()
    await house.go(120, _outage(2))
    await house.arrived(1)
    (name,) = load_alerts(house.state).state.incidents
    change_desk(house.state, lambda desk: Desk(acks={name: Ack(at=house.clock.now() + 1, by="me")}))
    await house.go(3600, _outage(2), step=60)
    await house.duty.close()
    assert len(house.inbox.messages) == 1
    assert load_alerts(house.state).state.incidents[name].acked_by == "me"


async def test_a_drained_node_is_maintenance(house: House) -> None:
    add_cordon(house.state, Cordon(subject="gpu01", since=0.0, by="me"))
    await house.go(1200, _outage(5), step=20)
    assert not load_alerts(house.state).state.incidents
    remove_cordon(house.state, "gpu01")
    await house.go(300, _outage(5), step=20)
    assert len(await house.arrived(1)) == 1
    await house.duty.close()


async def test_ignored_checks_and_decisions_are_not_told(house: House) -> None:
    house.config = replace(house.config, alerts=AlertsEntry(explain=False, ignore=("node.*", "engine.*", "service.*")))
    house.restart()
    await house.go(1200, _outage(5), step=20)
    assert not load_alerts(house.state).state.conditions
    await house.duty.close()


async def test_an_address_that_is_not_there_is_told_and_nothing_is_lost(house: House) -> None:
    os.remove(house.config.notify[0].address.file)
    await house.go(300, _outage(2))

    async def told() -> bool:
        return any("phone was not told" in line for line in house.lines.told)

    await eventually_async(told)
    await house.duty.close()
    assert len(load_alerts(house.state).letters) == 1


async def test_a_damaged_state_is_put_aside(house: House) -> None:
    (house.state / "alerts").mkdir(parents=True, mode=0o700)
    (house.state / FILE_NAME).write_text("{")
    (house.state / FILE_NAME).chmod(0o600)
    await house.go(300, _outage(2))
    assert len(await house.arrived(1)) == 1
    await house.duty.close()
    assert "put aside" in house.lines.told[0]
    assert (house.state / f"{FILE_NAME}.damaged").exists()
    assert (house.state / BEAT_FILE).exists()


async def test_numbers_that_are_too_high_come_through_thresholds(house: House) -> None:
    key = SeriesKey("device.temperature_celsius", "device:gpu01/0")

    async def heat(celsius: float | None, seconds: int) -> None:
        for _ in range(seconds // 10):
            for second in range(10 * (celsius is not None)):
                at = house.clock.now() + second
                house.hub.table.put(Batch(node="gpu01", at=at, readings=[(key, celsius or 0.0)]))
            house.clock.advance(10)
            await house.limits.do(house.hub, house.clock.now())
            await house.duty.do(house.hub, house.clock.now())

    await heat(97.0, 300)
    (title,) = await house.arrived(1)
    assert title == "device:gpu01/0 is at 97 °C"
    # after a restart there are no numbers at first, then ones between both values: it goes on
    house.restart()
    await heat(None, 120)
    await heat(89.0, 600)
    assert load_alerts(house.state).state.conditions
    found = next(one for one in house.hub.board.findings())
    assert found.status is Status.CRITICAL
    await heat(60.0, 300)
    assert (await house.arrived(2))[1].startswith("Well again")
    await house.duty.close()


async def test_who_is_declared_later_hears_of_what_lasts_then(house: House) -> None:
    told = house.config
    house.config = replace(told, notify=())
    house.restart()
    await house.go(1200, _outage(3), step=20)
    await house.duty.close()
    house.config = told
    house.restart()
    await house.go(20, _outage(3))
    assert await house.arrived(1) == ["gpu01 is not reached"]
    await house.duty.close()
