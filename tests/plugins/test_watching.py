"""Devices that are watched: the same numbers as in a survey, walked seldom, let alone when they could sleep."""

from __future__ import annotations

from pathlib import Path

from keepwell.core.errors import AccessError
from keepwell.plugins.bus import PCI, find_devices, load_plugins, numbered
from keepwell.plugins.collector import Moment
from keepwell.plugins.watching import REST_SECONDS, RESTS, SLEEPS, WALK_SECONDS, Bus, Rest
from keepwell.testing.fake_gpu.card import FakeCard
from keepwell.testing.fake_gpu.machine import FakeMachine
from keepwell.testing.fake_gpu.node import list_files, open_node
from keepwell.testing.fake_gpu.others import AmdCard, IntelCard
from keepwell.testing.made_sight import MadeSight
from tests.fake_gpu.played import CACHE, needs_compiler

MIXED = FakeMachine(
    cards=(FakeCard(pci="0000:81:00.0"), FakeCard(pci="0000:c1:00.0", uuid="GPU-2")),
    amd=(AmdCard(pci="0000:05:00.0"), AmdCard(pci="0000:06:00.0")),
    intel=(IntelCard(pci="0000:00:02.0"), IntelCard(pci="0000:03:00.0")),
)


def sight_of(machine: FakeMachine) -> MadeSight:
    sight = MadeSight()
    for path, file in list_files(machine).items():
        if file.kind == "link":
            sight.links[path] = file.target
        elif file.pieces:
            sight.files[path] = b"".join(piece for _, piece in file.pieces).decode()
    return sight


@needs_compiler
async def test_devices_have_the_numbers_that_a_survey_gives_them(tmp_path: Path) -> None:
    async with open_node(MIXED, tmp_path, CACHE) as node:
        surveyed = {str(ref): (name, one.pci, one.kind) for ref, name, one in numbered("box", await find_devices(node))}
    sight = sight_of(MIXED)
    watched = {
        one.subject: (name, one.pci, one.kind)
        for name in load_plugins()
        for one in Bus("box", name).devices(sight, Moment(0, 0))
    }
    assert watched == surveyed
    assert len(watched) == 6


def test_the_bus_is_walked_seldom_and_a_new_card_is_found() -> None:
    sight, bus = sight_of(MIXED), Bus("box", "amd")
    for clock in range(20):
        bus.devices(sight, Moment(clock, clock))
    sight.asked.clear()
    for clock in range(20, 60):
        assert len(bus.devices(sight, Moment(clock, clock))) == 2
    assert sight.asked == []
    for tree in (sight.files, sight.links):
        for path in [path for path in tree if "0000:06:00.0" in path]:
            del tree[path]
    assert len(bus.devices(sight, Moment(0, 20 + WALK_SECONDS))) == 1


def test_devices_stay_while_a_connection_has_not_fetched_them_again() -> None:
    sight, bus = sight_of(MIXED), Bus("box", "amd")
    assert len(bus.devices(sight, Moment(0, 0))) == 2
    path = f"{PCI}/0000:06:00.0/vendor"
    sight.refused[path] = AccessError("not fetched yet")
    assert len(bus.devices(sight, Moment(0, WALK_SECONDS))) == 2
    for clock in range(10):
        found = bus.devices(sight, Moment(0, WALK_SECONDS + clock))
    assert len(found) == 1, "it really cannot be read"


def test_a_bus_that_cannot_be_read_has_no_devices() -> None:
    sight = sight_of(MIXED)
    sight.refused[PCI] = AccessError("broken")
    assert Bus("box", "amd").devices(sight, Moment(0, 0)) == ()


def test_a_device_rests_unless_it_is_busy_or_never_sleeps() -> None:
    pci, rest = "0000:05:00.0", Rest()
    status, control = f"{PCI}/{pci}/power/runtime_status", f"{PCI}/{pci}/power/control"
    sight = MadeSight({status: "active", control: "auto"})
    assert rest.why_not(sight, pci, Moment(0, 0)) is None
    assert not rest.asked(pci, Moment(0, 0), busy=True)
    assert rest.why_not(sight, pci, Moment(1, 1)) is None
    assert rest.asked(pci, Moment(1, 1), busy=False)
    assert rest.why_not(sight, pci, Moment(2, 2)) is RESTS
    assert rest.why_not(sight, pci, Moment(1, 1 + REST_SECONDS)) is None
    sight.files[status] = "suspended"
    assert rest.why_not(sight, pci, Moment(3, 3)) is SLEEPS
    sight.files[status] = "active"
    assert rest.why_not(sight, pci, Moment(4, 4)) is None, "somebody woke it: it may be asked at once"
    sight.files[control] = "on"
    assert rest.why_not(sight, pci, Moment(4, 4)) is None
    assert not rest.asked(pci, Moment(4, 4), busy=False)


def test_a_device_of_which_it_cannot_be_told_is_taken_to_sleep_and_one_without_power_management_is_not() -> None:
    pci = "0000:05:00.0"
    status = f"{PCI}/{pci}/power/runtime_status"
    for files, rests in (({status: "active"}, True), ({}, False)):
        rest, sight = Rest(), MadeSight(files)
        assert rest.why_not(sight, pci, Moment(0, 0)) is None
        assert rest.asked(pci, Moment(0, 0), busy=False) is rests
