"""Programs are told of what lasts until it is over; a real Alertmanager has it and lets it go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from keepwell.app.alerting.courier import Courier, find_lasting
from keepwell.app.alerting.ledger import Ledger
from keepwell.config.alert_model import NotifyEntry
from keepwell.config.secret_reference import Secret
from keepwell.core.finding import Status
from keepwell.notify.alertmanager import RENEWS_SECONDS
from keepwell.store.alert_state import Incident
from keepwell.transport.clock import SystemClock
from tests.alerts.steps import Days, bad
from tests.app.hub.made import Lines
from tests.notify.real_alertmanager import active, real_alertmanager
from tests.support import eventually_async, free_port

FOUND = {"a": [bad("node.reached", "node:gpu01"), bad("engine.responding", "engine:gpu01/x")]}


def _entry(tmp_path: Path, address: str, least: str = "warning") -> NotifyEntry:
    place = tmp_path / "address"
    place.write_text(address)
    return NotifyEntry(name="am", address=Secret(file=str(place)), least=least)


async def _settled(courier: Courier, entry: NotifyEntry, lasting: Mapping[str, Incident], now: float) -> None:
    """Told, and nothing under way any more."""

    async def done() -> bool:
        courier.go([entry], lasting, now)
        return not courier.busy

    await eventually_async(done, 20.0)


async def test_an_alertmanager_has_each_incident_while_it_lasts_also_in_quiet_hours(tmp_path: Path) -> None:
    days = Days(quiet=frozenset((Status.WARNING, Status.CRITICAL)))
    days.go(120, FOUND)
    assert not days.told
    lasting = find_lasting(days.state, days.now)
    assert len(lasting) == 1
    with real_alertmanager(tmp_path) as port:
        entry = _entry(tmp_path, f"alertmanager://127.0.0.1:{port}")
        courier = Courier(Ledger(tmp_path / "state"), SystemClock(), Lines().tell)
        assert courier.find_outlets([entry]) == ()
        now = SystemClock().now()
        await _settled(courier, entry, lasting, now)
        (alert,) = active(port)
        assert alert["labels"]["subject"] == "node:gpu01"
        assert alert["labels"]["severity"] == "critical"
        ends = alert["endsAt"]
        await _settled(courier, entry, lasting, now + RENEWS_SECONDS + 1)
        assert active(port)[0]["endsAt"] > ends
        await _settled(courier, entry, {}, SystemClock().now())

        async def gone() -> bool:
            return active(port) == []

        await eventually_async(gone)
        await courier.close()


async def test_a_program_that_is_not_there_is_told_once_and_again_when_it_is_back(tmp_path: Path) -> None:
    days = Days()
    days.go(120, FOUND)
    lines = Lines()
    courier = Courier(Ledger(tmp_path / "state"), SystemClock(), lines.tell)
    entry = _entry(tmp_path, f"alertmanager://127.0.0.1:{free_port()}")
    assert courier.find_outlets([entry]) == ()
    for turn in range(3):
        courier.go([entry], find_lasting(days.state, days.now), days.now + turn)
        await _settle(courier)
    assert len(lines.told) == 1
    assert "no answer" in lines.told[0]
    await courier.close()


async def _settle(courier: Courier) -> None:
    async def done() -> bool:
        return not courier.busy

    await eventually_async(done, 20.0)


def test_a_program_stays_one_while_its_address_cannot_be_read(tmp_path: Path) -> None:
    courier = Courier(Ledger(tmp_path / "state"), SystemClock(), Lines().tell)
    entry = _entry(tmp_path, "alertmanager://127.0.0.1")
    assert courier.find_outlets([entry]) == ()
    (tmp_path / "address").unlink()
    assert courier.find_outlets([entry]) == ()
