"""The nightly smoke test: when it is due, and what of its findings is pinned for alerts."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.hub.smoking import SOURCE, Smoking, is_due
from keepwell.config import Config, InvalidConfig, parse_config
from keepwell.config.hub_model import HubEntry
from keepwell.config.model import NodeEntry
from keepwell.core.finding import Status
from keepwell.store.smokes import FOLDER_NAME, KeptSmoke, SmokeRow, save_smoke
from tests.app.hub.made import make_hub

NOON = datetime.datetime(2026, 6, 15, 12, 0).timestamp()


def row(check: str, status: str) -> SmokeRow:
    return SmokeRow(check=f"smoke.{check}", subject="engine:a/b", status=status, message=check)


@pytest.mark.parametrize(
    ("when", "last_hours_ago", "due"),
    [
        ("11:00", 24.0, True),
        ("11:00", 0.5, False),
        ("12:01", 24.0, False),
        ("05:00", 24.0, False),
        ("06:30", 24.0, True),
    ],
)
def test_it_is_due_once_a_night_and_made_up_for_some_hours(when: str, last_hours_ago: float, due: bool) -> None:
    assert is_due(when, NOON - last_hours_ago * 3600, NOON) is due


@given(st.integers(0, 23), st.integers(0, 59), st.floats(0, 2 * 86400))
@settings(max_examples=30)
def test_after_a_test_none_is_due_before_the_next_night(hour: int, minute: int, later: float) -> None:
    when = f"{hour:02d}:{minute:02d}"
    assert not is_due(when, NOON, NOON)
    if is_due(when, NOON, NOON + later):
        assert not is_due(when, NOON + later, NOON + later)


async def test_what_kept_tests_found_is_pinned_and_a_later_test_ends_it(tmp_path: Path) -> None:
    hour = datetime.datetime.fromtimestamp(NOON + 3600).strftime("%H:%M")
    config = Config(hub=HubEntry(smoke_at=hour), nodes=(NodeEntry(name="gpu01", address="10.0.0.9"),))
    hub = make_hub(tmp_path, config=config)
    night = KeptSmoke(
        id="1", at=NOON, seconds=1.0, comprehensive=True, rows=(row("answers", "critical"), row("tools", "warning"))
    )
    save_smoke(tmp_path, night)
    save_smoke(tmp_path, KeptSmoke(id="2", at=NOON, seconds=1.0, target="gpu01", rows=(row("api", "ok"),)))
    save_smoke(tmp_path, KeptSmoke(id="3", at=NOON, seconds=1.0, target="gpu01/one", rows=(row("api", "critical"),)))
    (tmp_path / FOLDER_NAME / "4.json").write_text("{")
    save_smoke(tmp_path, KeptSmoke(id="5", at=NOON, seconds=1.0, rows=(row("x", "no status"),)))
    duty = Smoking()
    await duty.do(hub, NOON)
    pinned = {source: {one.check: one.status for one in found} for source, _, found in hub.board.pins()}
    assert pinned == {
        SOURCE: {"smoke.answers": Status.CRITICAL, "smoke.tools": Status.WARNING},
        f"{SOURCE} gpu01": {"smoke.api": Status.OK},
    }
    save_smoke(tmp_path, KeptSmoke(id="6", at=NOON + 9, seconds=1.0, rows=(row("answers", "ok"),)))
    await duty.do(hub, NOON + 10)
    assert [one.check for one in hub.board.findings() if one.bad] == ["smoke.tools"]
    await duty.close()
    duty = Smoking()
    await duty.do(hub, NOON + 20)
    assert [one.check for one in hub.board.findings() if one.bad] == ["smoke.tools"], "the same after a restart"
    await duty.close()
    hub.requests.close()
    hub.series.close()


async def test_without_a_time_nothing_is_pinned_nor_made(tmp_path: Path) -> None:
    hub = make_hub(tmp_path)
    save_smoke(tmp_path, KeptSmoke(id="1", at=NOON, seconds=1.0, rows=(row("answers", "critical"),)))
    await Smoking().do(hub, NOON)
    assert list(hub.board.findings()) == []
    hub.requests.close()
    hub.series.close()


def read(text: bytes) -> Config:
    return parse_config(text, path=Path("k.toml"), kinds={})


def test_the_time_is_one_of_a_day() -> None:
    assert read(b'[hub]\nsmoke_at = "03:30"\n').hub.smoke_at == "03:30"
    for wrong in (b'"night"', b"2027-01-31T22:00:00"):
        with pytest.raises(InvalidConfig, match="time of day"):
            read(b"[hub]\nsmoke_at = " + wrong + b"\n")
