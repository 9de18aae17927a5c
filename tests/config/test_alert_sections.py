"""The sections for alerts: what is right is read whole, what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.config import InvalidConfig, parse_config
from keepwell.config.alert_model import AlertsEntry, NotifyEntry, QuietEntry, ThresholdEntry
from keepwell.config.secret_reference import Secret

WHOLE = """
[alerts]
hold = "30s"
hold_warning = "10m"
clear = "2m"
group = "60s"
repeat = "30m"
repeat_warning = "2d"
settle = "5m"
zone = "Europe/Berlin"
ignore = ["settings.*"]
explain = false
heartbeat = {env = "HEARTBEAT_URL"}
heartbeat_every = "5m"

[[notify]]
name = "phone"
address = {file = "/etc/keepwell/ntfy"}
least = "critical"

[[quiet]]
from = "22:00"
to = 07:00:00
days = ["fri", "sat"]
critical = "wait"

[[threshold]]
name = "device.hot"
warning = 80
critical = 90.5

[[threshold]]
name = "device.full"
off = true
"""


def test_all_that_can_be_said() -> None:
    config = parse_config(WHOLE.encode(), path=Path("keepwell.toml"), kinds={})
    assert config.alerts == AlertsEntry(
        hold_critical_seconds=30.0,
        hold_warning_seconds=600.0,
        clear_seconds=120.0,
        group_seconds=60.0,
        repeat_critical_seconds=1800.0,
        repeat_warning_seconds=172_800.0,
        settle_seconds=300.0,
        zone="Europe/Berlin",
        ignore=("settings.*",),
        explain=False,
        heartbeat=Secret(env="HEARTBEAT_URL"),
        heartbeat_seconds=300.0,
    )
    assert config.notify == (NotifyEntry(name="phone", address=Secret(file="/etc/keepwell/ntfy"), least="critical"),)
    assert config.quiet == (QuietEntry(begin="22:00", end="07:00", days=("fri", "sat"), critical="wait"),)
    assert config.thresholds == (
        ThresholdEntry(name="device.hot", warning=80.0, critical=90.5),
        ThresholdEntry(name="device.full", off=True),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[alerts]\nzone = "Europe/Nowhere"', "a time zone"),
        ('[alerts]\nzone = "../etc/passwd"', "a time zone"),
        ('[[notify]]\nname = "a"\naddress = "ntfy://secret/topic"', "must not stand in this file"),
        ('[[notify]]\nname = "a"', "address"),
        ('[[quiet]]\nfrom = "25:00"\nto = "07:00"', "a time of day"),
        ('[[quiet]]\nfrom = "2027-01-31T22:00"\nto = "07:00"', "a time of day"),
        ('[[quiet]]\nfrom = "22:00"\nto = "07:00"\ncritical = "never"', "tell, wait"),
        ('[[threshold]]\nname = "Hot"', "device.hot"),
        ('[[threshold]]\nname = "device.hot"\nwarning = nan', "a number"),
        ('[[threshold]]\nname = "a.b"\nlabels = {a = 1}', "a table like"),
    ],
)
def test_mistakes_are_named(text: str, said: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_config(text.encode(), path=Path("keepwell.toml"), kinds={})
    assert said in str(caught.value)
    assert "secret/topic" not in str(caught.value)
