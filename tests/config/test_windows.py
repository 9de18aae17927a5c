"""Devices and windows in keepwell.toml: what is read, and what of it does not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.config.load import parse_config
from keepwell.config.problems import InvalidConfig
from keepwell.config.window_model import DeviceEntry, WindowEntry
from keepwell.config.window_schema import name_device
from keepwell.core.hours import Hours
from keepwell.jobs.device_rules import make_plain_rules
from keepwell.turns.words import Device, Window

GIB = 1024**3
WHOLE = """
[[node]]
name = "gpu01"
address = "10.0.0.7"
[[device]]
name = "0"
memory = "24 GiB"
[[device]]
name = "gpu01/0"
engines = "vllm"
[[window]]
device = "gpu01/0"
for = ["nightly-*", "transcribe"]
from = "22:00"
to = 06:00:00
days = ["mon", "fri"]
memory = "16 GiB"
unload = ["qwen*"]
over = "go-on"
grace = "0s"
[[window]]
device = "gpu01"
for = "all"
from = "01:00"
to = "02:00"
"""
WINDOW = '[[window]]\ndevice = "gpu01/0"\nfor = "x"\nfrom = "22:00"\nto = "06:00"\n'


def test_all_of_it_is_read() -> None:
    config = parse_config(WHOLE.encode(), path=Path("keepwell.toml"), kinds={})
    assert config.devices == (
        DeviceEntry(name="0", memory_bytes=24 * GIB),
        DeviceEntry(name="gpu01/0", engines=("vllm",)),
    )
    first, second = config.windows
    assert first == WindowEntry(
        device="gpu01/0",
        holders=("nightly-*", "transcribe"),
        begin="22:00",
        end="06:00",
        days=("mon", "fri"),
        memory_bytes=16 * GIB,
        unload=("qwen*",),
        over="go-on",
        grace_seconds=0.0,
    )
    assert (second.over, second.grace_seconds, second.unload) == ("stop", 60.0, None)
    rules = make_plain_rules(config, "box", {"box/1": 8 * GIB, "box/0": 12 * GIB})
    assert rules.devices == (
        Device(name="box"),
        Device(name="box/0", memory_bytes=24 * GIB),
        Device(name="box/1", memory_bytes=8 * GIB),
        Device(name="gpu01"),
        Device(name="gpu01/0"),
    )
    assert rules.windows[1] == Window(
        device="gpu01", holders=("all",), hours=Hours("01:00", "02:00"), unload=("*",), grace_seconds=60.0
    )
    assert [name_device(one, "box") for one in ("0", "gpu01", "gpu01/1")] == ["box/0", "gpu01", "gpu01/1"]


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (WINDOW + 'memory = "1 GiB"\nexclusive = true', "window[0].memory", "cannot both be meant"),
        (WINDOW + "exclusive = false", "window[0].exclusive", "how much of it they have is not said"),
        (WINDOW.replace("gpu01/0", "gpu01") + 'memory = "1 GiB"', "window[0].memory", "memory is of one device"),
        (
            '[[device]]\nname = "gpu01/0"\nmemory = "1 GiB"\n' + WINDOW + 'memory = "2 GiB"',
            "window[0].memory",
            "less memory than that",
        ),
        (WINDOW + 'over = "wait"', "window[0].over", "stop"),
        (WINDOW + 'grace = "soon"', "window[0].grace", "a time like"),
        ('[[device]]\nname = "gpu01"', "device[0].name", 'like "gpu01/0"'),
        ('[[window]]\ndevice = "a b"\nfor = "x"\nfrom = "22:00"\nto = "06:00"', "window[0].device", "or a node"),
        (WINDOW.replace('"22:00"', '"2027-01-31T22:00"'), "window[0].from", "a time of day"),
        ('[[device]]\nname = "0"\n[[device]]\nname = "0"', "device[1].name", ""),
    ],
)
def test_what_does_not_go_together_is_named_with_its_place(text: str, key: str, said: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_config(text.encode(), path=Path("keepwell.toml"), kinds={})
    assert key in str(caught.value)
    assert said in str(caught.value)
