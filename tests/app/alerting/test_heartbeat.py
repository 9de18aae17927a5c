"""The sign of life: asked again and again, not when nobody can be told any more, and its address is a secret."""

from __future__ import annotations

from pathlib import Path

from keepwell.alerts.outbox import MUTE_SECONDS
from keepwell.app.alerting.circumstances import find_mute_outlets
from keepwell.app.alerting.heartbeat import Heartbeat, ask, is_mute
from keepwell.config.alert_model import AlertsEntry, NotifyEntry
from keepwell.config.secret_reference import Secret
from keepwell.core.finding import Status
from keepwell.store.alert_state import AlertFile, OutletState
from keepwell.testing.receivers import http_receiver
from tests.app.hub.made import Lines
from tests.support import free_port

NOW = 1_767_225_600.0
WELL, MUTE = OutletState(taken_at=NOW), OutletState(failing_since=NOW - MUTE_SECONDS, problem="HTTP 503")


def _entry(tmp_path: Path, address: str) -> AlertsEntry:
    place = tmp_path / "heartbeat"
    place.write_text(address)
    return AlertsEntry(heartbeat=Secret(file=str(place)), heartbeat_seconds=60.0)


async def test_it_is_asked_every_so_often(tmp_path: Path) -> None:
    lines = Lines()
    with http_receiver() as inbox:
        entry = _entry(tmp_path, f"http://127.0.0.1:{inbox.port}/ping/5ecre7")
        heart = Heartbeat(lines.tell)
        for second in range(0, 150, 5):
            heart.beat(entry, {"phone": WELL}, NOW + second)
            await heart.close()
        assert inbox.asked.count("/ping/5ecre7") == 3
        heart.beat(entry, {"phone": MUTE}, NOW + 1000)
        await heart.close()
        assert inbox.asked.count("/ping/5ecre7") == 3
    assert lines.told == []


async def test_a_watcher_that_is_not_there_is_told_once_and_not_by_its_address(tmp_path: Path) -> None:
    lines = Lines()
    entry = _entry(tmp_path, f"http://127.0.0.1:{free_port()}/5ecre7")
    heart = Heartbeat(lines.tell)
    for minute in range(3):
        heart.beat(entry, {}, NOW + 60 * minute)
        await heart.close()
    assert len(lines.told) == 1
    assert "5ecre7" not in lines.told[0]


def test_only_web_addresses_are_asked(tmp_path: Path) -> None:
    assert "http" in ask(_entry(tmp_path, "file:///etc/passwd"))
    assert ask(AlertsEntry(heartbeat=Secret(file=str(tmp_path / "none"))))


def test_nobody_can_be_told_when_all_outlets_are_mute() -> None:
    assert not is_mute({}, NOW)
    assert not is_mute({"a": WELL, "b": MUTE}, NOW)
    assert is_mute({"b": MUTE}, NOW)


def test_a_mute_outlet_is_a_warning(tmp_path: Path) -> None:
    entries = [NotifyEntry(name=name, address=Secret(env="X")) for name in ("a", "b", "c")]
    (found,) = find_mute_outlets(AlertFile(outlets={"a": WELL, "b": MUTE}), entries, "here", NOW)
    assert (found.check, str(found.subject), found.status) == ("alerts.outlet", "service:here/alerts/b", Status.WARNING)
    assert "HTTP 503" in found.message
