"""Beyond the table: many cards at once, memory that is shared, cards that sleep, the command."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing
from keepwell.core.ref import device
from keepwell.testing.fake_gpu.__main__ import main
from keepwell.testing.fake_gpu.card import FakeCard, FakeProcess
from keepwell.testing.fake_gpu.machine import FakeEngine, FakeMachine, parse_data, render_data
from keepwell.testing.fake_gpu.scenarios import SCENARIOS
from keepwell.testing.fake_gpu.scenarios_well import H100, SPARK
from tests.fake_gpu.played import CACHE, catalogue, needs_compiler, play

#: Cards in the fullest servers. A survey of them takes 0.6 s on two idle cores; the limits of the probes end it at 10.
MANY = 24


def many_cards() -> FakeMachine:
    """A server with 24 cards, each with a process on it."""
    return FakeMachine(
        cards=tuple(
            replace(
                H100,
                pci=f"0000:{number + 16:02x}:00.0",
                uuid=f"GPU-{number:08d}-0000-4000-8000-000000000000",
                processes=(FakeProcess(pid=5000 + number, used_bytes=1024**3),),
            )
            for number in range(MANY)
        )
    )


@needs_compiler
async def test_a_server_full_of_cards_is_asked_once() -> None:
    played = await play(many_cards())
    assert {one.subject for one in played.result.seen.named("device.identity")} == {
        device("box", number) for number in range(MANY)
    }
    assert not [one for one in played.result.findings if one.bad]
    assert len([call for call in played.calls if call.startswith("run") and "_nvml_child" in call]) == 1


@needs_compiler
async def test_many_cards_by_nvidia_smi() -> None:
    played = await play(replace(many_cards(), python=False))
    assert [
        played.result.seen.value(device("box", number), "device.temperature_celsius") for number in range(MANY)
    ] == [41] * MANY


@needs_compiler
async def test_a_model_that_is_split_in_one_shared_memory_does_fit() -> None:
    """The GPU says that it has no memory apart: what counts is the machine's."""
    played = await play(replace(SPARK, engine=FakeEngine(model_gpu_ratio=0.5)))
    (finding,) = [one for one in played.result.findings if one.check == "gpu.placement"]
    assert (finding.facts["kind"], finding.facts["fits"]) == ("split", "yes")
    assert finding.facts["gpu_total_bytes"] == "130663165952"


@needs_compiler
async def test_the_stand_in_driver_wakes_nobody() -> None:
    """A card that sleeps is not asked, whatever the stand-in would say."""
    path = "/sys/bus/pci/devices/0000:01:00.0/power/runtime_status"
    played = await play(FakeMachine(cards=(H100,), files={path: "suspended\n"}))
    assert not [call for call in played.calls if "_nvml_child" in call or "_cuda_child" in call]
    value = played.value("0 device.power_watts")
    assert isinstance(value, Missing)
    assert (value.kind, "wake" in value.reason) == ("unknown", True)


@needs_compiler
def test_the_command_plays_a_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["one-lane"], CACHE) == 0
    assert "The GPU sits on too few PCIe lanes" in capsys.readouterr().out


def test_the_command_lists_the_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(SCENARIOS)
    assert main(["no-such"]) == 2


@needs_compiler
def test_the_command_runs_a_program_there(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["mig-split", "nvidia-smi", "-L"], CACHE) == 0
    assert "MIG 3g.20gb" in capfd.readouterr().out


@settings(max_examples=20)
@given(
    st.lists(
        st.builds(
            FakeCard,
            name=st.text(alphabet="ABC 019", min_size=1, max_size=20).map(str.strip).filter(bool),
            memory_total_bytes=st.none() | st.integers(0, 2**40),
            throttle=st.none() | st.integers(0, 0x7FF),
            link=st.none() | st.tuples(*[st.integers(1, 16)] * 4),
            refuses=st.dictionaries(st.sampled_from(["power", "temperature", "processes"]), st.integers(1, 30)),
            every=st.sampled_from([0, 15]),
        ),
        max_size=3,
    )
)
def test_the_data_file_keeps_what_was_described(cards: list[FakeCard]) -> None:
    machine, sections = parse_data(render_data(FakeMachine(cards=tuple(cards))))
    assert machine["driver"] == ("550.54.14",)
    assert [one["name"] for one in sections] == [(card.name,) for card in cards]
    for card, section in zip(cards, sections, strict=True):
        assert (section.get("every") == ("!15",)) == (card.every == 15)
        for key, code in card.refuses.items():
            assert section[key][0] == f"!{code}"
        if card.memory_total_bytes is not None:
            assert section["memory.total"] == (str(card.memory_total_bytes),)
        assert ("link" in section) == (card.link is not None)


def test_every_fault_of_the_table_names_a_cause_that_there_is() -> None:
    known = catalogue().issues
    assert {row.cause for row in SCENARIOS.values()} - {""} <= set(known)
    assert all(row.bad for name, row in SCENARIOS.items() if row.cause and name != "xid-63")


@needs_compiler
async def test_the_advice_for_a_radeon_names_the_target_that_is_nearest_to_it() -> None:
    """gfx1031 runs code for gfx1030; code for gfx1100 crashes it."""
    fix = (await play(SCENARIOS["radeon-unsupported"].machine)).diagnosis.hypotheses[0].fix
    assert fix is not None
    commands = [" ".join(one.argv) for one in fix.commands]
    assert "kill 4711" in commands
    assert any("HSA_OVERRIDE_GFX_VERSION=10.3.0 " in one for one in commands), commands
    assert fix.missing == ()


@needs_compiler
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("memory-beyond-repair", "replaced"),
        ("power-brake", "supply"),
        ("forward-compatibility", "compatibility"),
        ("lost", "reboot"),
        ("radeon-not-reset", "reboot"),
        ("arc-hangs", "compute runtime"),
        ("virtual-unlicensed", "licence"),
    ],
)
async def test_the_advice_fits_the_kind_of_the_fault(name: str, words: str) -> None:
    row = SCENARIOS[name]
    fix = (await play(row.machine, log_hidden=row.log_hidden)).diagnosis.hypotheses[0].fix
    assert fix is not None
    assert words in fix.say
    tools = {one.argv[0] for one in fix.commands}
    assert row.machine.cards or "nvidia-smi" not in tools
