"""What nvidia-smi says of settings, in lines as its users paste them; and how each is set."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing
from keepwell.devices.nvidia.settings import NvidiaSettings
from keepwell.plugins.device_settings import COMPUTE_MODE, PERSISTENCE, POWER_LIMIT
from keepwell.transport.base import Ran

SETTINGS = NvidiaSettings()
WELL = b"""0, 00000000:01:00.0, GPU-aaaa, NVIDIA GeForce RTX 3090, Disabled, 350.00, 100.00, 365.00, Default
1, 00000000:41:00.0, GPU-bbbb, NVIDIA H100 80GB HBM3, Enabled, 700.00, 200.00, 700.00, Exclusive_Process
"""
LAPTOP = b"0, 00000000:01:00.0, GPU-cccc, NVIDIA GeForce RTX 3070 Laptop GPU, Disabled, [N/A], [N/A], [N/A], Default\n"
OLD = b"0, 00000000:01:00.0, GPU-dddd, Tesla M40, [Not Supported], 250.00, 180.00, 250.00, [Unknown Error]\n"


def ran(stdout: bytes, code: int = 0, stderr: bytes = b"") -> Ran:
    return Ran(argv=SETTINGS.look, code=code, stdout=stdout, stderr=stderr)


def test_two_cards() -> None:
    states = SETTINGS.parse(ran(WELL))
    assert not isinstance(states, Missing)
    assert [one.pci for one in states] == ["0000:01:00.0", "0000:41:00.0"]
    assert states[0].values == {PERSISTENCE: "off", POWER_LIMIT: "350", COMPUTE_MODE: "default"}
    assert states[1].values == {PERSISTENCE: "on", POWER_LIMIT: "700", COMPUTE_MODE: "exclusive-process"}
    assert states[1].ranges == {POWER_LIMIT: (200.0, 700.0)}
    assert [one.is_meant("gpu-bbbb") for one in states] == [False, True]
    assert [one.is_meant("0000:01:00.0") for one in states] == [True, False]
    assert [one.is_meant("1") for one in states] == [False, True]


def test_what_a_card_does_not_have_is_missing() -> None:
    states = SETTINGS.parse(ran(LAPTOP + OLD))
    assert not isinstance(states, Missing)
    laptop, old = states
    assert isinstance(laptop.values[POWER_LIMIT], Missing)
    assert laptop.ranges == {}
    assert isinstance(old.values[PERSISTENCE], Missing)
    assert isinstance(old.values[COMPUTE_MODE], Missing)


def test_complaints_are_told_in_its_own_words() -> None:
    mismatch = SETTINGS.parse(ran(b"Failed to initialize NVML: Driver/library version mismatch\n", 18))
    assert isinstance(mismatch, Missing)
    assert mismatch.reason == "nvidia-smi ended with 18: Failed to initialize NVML: Driver/library version mismatch"
    nothing = SETTINGS.parse(ran(b"No devices were found\n", 6))
    assert isinstance(nothing, Missing)
    assert nothing.kind == "absent"
    assert isinstance(SETTINGS.parse(ran(b"")), Missing)


def test_each_setting_has_its_flag() -> None:
    assert SETTINGS.set("GPU-a", PERSISTENCE, "on") == ("nvidia-smi", "-i", "GPU-a", "-pm", "1")
    assert SETTINGS.set("", POWER_LIMIT, "300") == ("nvidia-smi", "-pl", "300")
    assert SETTINGS.set("", COMPUTE_MODE, "exclusive-process") == ("nvidia-smi", "-c", "EXCLUSIVE_PROCESS")


@settings(max_examples=60)
@given(st.one_of(st.binary(max_size=80), st.lists(st.text("0[N/A]. ,xé", max_size=5), max_size=12).map(
    lambda words: ", ".join(words).encode())))  # fmt: skip
def test_garbage_is_read_or_missing(content: bytes) -> None:
    found = SETTINGS.parse(ran(content))
    assert isinstance(found, Missing) or found
