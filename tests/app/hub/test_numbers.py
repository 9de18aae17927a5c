"""Which series a name means."""

from __future__ import annotations

import pytest

from keepwell.app.hub.numbers import fits
from keepwell.core.series import SeriesKey


@pytest.mark.parametrize(
    ("name", "about", "wished"),
    [
        ("", "", True),
        ("device", "", True),
        ("device.*", "", True),
        ("device.power_watts", "", True),
        ("dev", "", False),
        ("device.power", "", False),
        ("host", "", False),
        ("device", "node:gpu01", True),
        ("", "device:gpu01/0", True),
        ("", "node:gpu0", False),
        ("", "node:gpu02", False),
    ],
)
def test_a_name_is_whole_or_a_beginning(name: str, about: str, wished: bool) -> None:
    assert fits(SeriesKey("device.power_watts", "device:gpu01/0"), name, about) is wished
