"""What threads did, which CPUs they may use, and what memory modules allow."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.effort import count_cpus, parse_children, parse_schedstat
from keepwell.formats.memory_modules import bytes_per_second, count_channels, parse_memory_modules

SLOT = """Handle 0x0042, DMI type 17, 92 bytes
Memory Device
\tTotal Width: 64 bits
\tData Width: 64 bits
\tSize: {size}
\tLocator: {locator}
\tBank Locator: {bank}
\tType: DDR5
\tSpeed: {speed}
\tConfigured Memory Speed: {configured}
"""


def _slots(*locators: str, configured: str = "5600 MT/s") -> str:
    made = [
        SLOT.format(size="16 GB", locator=one, bank="BANK 0", speed="6000 MT/s", configured=configured)
        for one in locators
    ]
    return "# dmidecode 3.5\n\n" + "\n".join(made)


def test_this_process() -> None:
    here = Path("/proc/self/task") / str(os.getpid())
    assert parse_schedstat((here / "schedstat").read_text()).ran_seconds > 0
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    assert count_cpus(status["Cpus_allowed_list"]) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("text", "count"), [("0", 1), ("0-3", 4), ("0-3,8,10-11\n", 7)])
def test_lists_of_cpus(text: str, count: int) -> None:
    assert count_cpus(text) == count


@pytest.mark.parametrize("text", ["", "a", "3-1", "0-99999999", "1,,2"])
def test_what_is_no_list_of_cpus(text: str) -> None:
    with pytest.raises(ValueError, match="not a list"):
        count_cpus(text)


@settings(max_examples=60)
@given(st.text(max_size=40))
def test_no_text_breaks_a_parser(text: str) -> None:
    for parse in (parse_schedstat, count_cpus):
        with contextlib.suppress(ValueError):
            parse(text)
    parse_children(text)
    assert bytes_per_second(parse_memory_modules(text)) >= 0


def test_channels_that_are_named() -> None:
    modules = parse_memory_modules(_slots("ChannelA-DIMM0", "ChannelA-DIMM1", "ChannelB-DIMM0", "ChannelB-DIMM1"))
    assert count_channels(modules) == 2
    assert bytes_per_second(modules) == 2 * 8 * 5600e6


def test_a_server_with_eight_channels() -> None:
    modules = parse_memory_modules(_slots(*(f"P{socket} CHANNEL {letter}" for socket in (0, 1) for letter in "ABCD")))
    assert count_channels(modules) == 8


def test_boards_that_name_no_channel_count_as_usual_ones() -> None:
    assert count_channels(parse_memory_modules(_slots("one", "two", "three", "four"))) == 2
    assert count_channels(parse_memory_modules(_slots("one"))) == 1


def test_a_virtual_machine_tells_no_speed() -> None:
    text = SLOT.format(size="24 GB", locator="DIMM 0", bank="Not Specified", speed="Unknown", configured="Unknown")
    assert parse_memory_modules(text) == ()
    assert bytes_per_second(()) == 0.0
