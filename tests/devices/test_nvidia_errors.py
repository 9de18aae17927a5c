"""Lines of NVIDIA's kernel driver: every Xid that has a documented meaning, real shapes of lines, any text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.devices.nvidia.errors import load, parse_error

#: Numbers that NVIDIA's catalogue and driver describe.
DOCUMENTED = {
    8, 11, 13, 25, 31, 32, 37, 38, 39, 40, 41, 43, 44, 45, 46, 48, 54, 60, 61, 62, 63, 64, 66, 67, 68, 69, 70, 71, 72,
    74, 75, 76, 77, 78, 79, 80, 82, 83, 84, 85, 86, 88, 89, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104,
    105, 109, 110, 119, 120, 121, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 139, 140, 143, 144, 145,
    146, 147, 148, 149, 150, 151, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 167, 168, 169, 171, 172,
    173, 175, 176,
}  # fmt: skip


def test_the_table_holds_every_documented_number_once() -> None:
    numbers = [number for row in load()["xid"] for number in row["numbers"]]
    assert set(numbers) == DOCUMENTED
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("number", sorted(DOCUMENTED - {154}))
def test_every_number_has_meaning_and_advice(number: int) -> None:
    found = parse_error(f"NVRM: Xid (PCI:0000:01:00): {number}, pid=1, name=x, text")
    assert found is not None
    assert found.kind == "xid"
    assert found.code == str(number)
    assert found.meaning
    assert found.meaning != "not documented"
    assert found.action


@pytest.mark.parametrize(
    ("line", "code", "pci", "pid", "program"),
    [
        (
            "NVRM: Xid (PCI:0000:01:00): 79, pid=1234, name=server, GPU has fallen off the bus.",
            "79", "0000:01:00.0", "1234", "server",
        ),
        ("NVRM: Xid (PCI:0000:01:00): 31, pid='<unknown>', name=<unknown>, Ch", "31", "0000:01:00.0", "", "<unknown>"),
        ("NVRM: Xid (PCI:0000:c1:00 GPU-I:05): 13, pid=9, name=a b, Graphics", "13", "0000:c1:00.0", "9", "a b"),
        ("NVRM: Xid (PCI:00000000:0A:00): 48, An uncorrectable double bit error", "48", "0000:0a:00.0", "", ""),
        ("nvidia-nvswitch0: SXid (PCI:0000:c4:00.0): 20034, Fatal, Link 30", "20034", "0000:c4:00.0", "", ""),
    ],
)  # fmt: skip
def test_shapes_of_lines(line: str, code: str, pci: str, pid: str, program: str) -> None:
    found = parse_error(line)
    assert found is not None
    assert (found.code, found.pci, found.pid, found.program) == (code, pci, pid, program)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("NVRM: API mismatch: the client 'server' (pid 12)", "api-mismatch"),
        ("NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x26:0x56:1474)", "init-failed"),
        ("NVRM: GPU 0000:01:00.0: GPU has fallen off the bus.", "off-bus"),
        ("NVRM: (PCI ID: 10de:2684) installed in this system has fallen off the bus and is not responding", "off-bus"),
        ("NVRM: installed in this system is not supported by open", "needs-proprietary"),
        ("NVRM: installed in this system requires use of the NVIDIA open kernel modules.", "needs-open"),
        ("NVRM:  supported through the NVIDIA 470.xx Legacy drivers. Please", "needs-legacy"),
        ("NVRM: No NVIDIA GPU found.", "no-gpu"),
        ("NVRM: The NVIDIA probe routine failed for 1 device(s).", "probe-failed"),
        ("NVRM: None of the NVIDIA devices were initialized.", "none-initialised"),
        ("NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.54.14", "loaded"),
    ],
)
def test_other_lines(line: str, code: str) -> None:
    found = parse_error(line)
    assert found is not None
    assert found.code == code


def test_an_unknown_number_is_kept_and_not_explained_away() -> None:
    found = parse_error("NVRM: Xid (PCI:0000:01:00): 9999, something new")
    assert found is not None
    assert (found.code, found.meaning, found.severity) == ("9999", "not documented", "warning")


def test_recovery_says_in_its_own_words_what_to_do() -> None:
    head = "NVRM: Xid (PCI:0000:01:00): 154, GPU recovery action changed from"
    wanted = parse_error(f"{head} 0x0 (None) to 0x1 (GPU Reset Required)")
    assert wanted is not None
    assert wanted.action == "GPU Reset Required"
    assert wanted.echo
    assert parse_error(f"{head} 0x1 (GPU Reset Required) to 0x0 (None)") is None


@pytest.mark.parametrize("line", ["", "usb 1-1: new device", "NVRM", "Xid 79", "nvidia 0000:01:00.0: enabling device"])
def test_other_texts_are_no_errors(line: str) -> None:
    assert parse_error(line) is None


@settings(max_examples=100)
@given(st.text(max_size=80), st.sampled_from(["", "NVRM: ", "NVRM: Xid (PCI:", "SXid (PCI:0000:01:00): "]))
def test_any_text_is_fine(text: str, head: str) -> None:
    parse_error(head + text)
