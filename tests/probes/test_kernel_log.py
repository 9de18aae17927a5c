"""log.kernel and host.kernel_lines: the window's lines of the kernel, from the journal or dmesg."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.observation import Missing
from keepwell.core.values import row_of, rows_of, texts_of
from keepwell.probes.kernel_log import JOURNAL, PROBE, concerns, parse_dmesg, parse_journal
from keepwell.testing.clock import START
from keepwell.transport.recorded.tape import Refusal
from tests.machines import BOOTED_AT, Machine


def at(seconds_ago: float) -> float:
    return START - seconds_ago


async def test_lines_of_the_window_are_kept_and_those_of_interest_told_with_their_time() -> None:
    machine = Machine()
    rows = [
        (at(9000), "Out of memory: Killed process 1 (old)"),
        (at(60), "Memory cgroup out of memory: Killed process 700 (ollama)"),
        (at(50), "some driver says hello"),
        (at(40), "[UFW BLOCK] IN=eth0 OUT= SRC=1.2.3.4"),
    ]
    machine.node.answer(JOURNAL, "".join(f"{when:.6f} node kernel: {text}\n" for when, text in rows))
    text, lines = await PROBE.observe(machine.place())
    assert texts_of(row_of(text.value)["lines"]) == (rows[1][1], rows[2][1])
    assert [row["text"] for row in rows_of(lines.value)] == [rows[1][1]]
    assert rows_of(lines.value)[0]["at"] == at(60)


async def test_without_a_journal_dmesg_is_read_with_the_boot_time() -> None:
    machine = Machine()
    since_boot = START - BOOTED_AT - 30
    machine.node.answer(("dmesg",), f"[    0.100000] early\n[{since_boot:.6f}] EXT4-fs error (device sda1)\n")
    text, lines = await PROBE.observe(machine.place())
    assert row_of(text.value)["where"] == "dmesg"
    assert [row["at"] for row in rows_of(lines.value)] == [at(30)]


async def test_a_kernel_log_for_root_alone_is_failed_with_its_reason() -> None:
    machine = Machine()
    machine.fails(("dmesg",), 1, "dmesg: read kernel buffer failed: Operation not permitted")
    for seen in await PROBE.observe(machine.place()):
        assert isinstance(seen.value, Missing)
        assert seen.value.kind == "failed"
        assert "not permitted" in seen.value.reason


async def test_no_tool_at_all_is_absent() -> None:
    machine = Machine()
    machine.node.answer(("dmesg",), Refusal(kind="NotThere"))
    text, _ = await PROBE.observe(machine.place())
    assert isinstance(text.value, Missing)
    assert text.value.kind == "absent"


async def test_a_line_cannot_drive_the_terminal() -> None:
    machine = Machine()
    machine.node.answer(JOURNAL, f"{at(5):.6f} node kernel: usb \x1b[31mred\n")
    text, _ = await PROBE.observe(machine.place())
    assert "\x1b" not in str(texts_of(row_of(text.value)["lines"]))


@given(st.text(), st.floats(0, 2e9))
def test_any_text_reads_without_an_error(text: str, booted_at: float) -> None:
    assert isinstance(parse_dmesg(text, booted_at), list)
    assert isinstance(parse_journal(text), list)


def test_the_death_of_another_program_is_no_evidence_about_an_engine() -> None:
    programs = frozenset({"ollama", "llama-server", "python3", "a-very-long-program-name"})
    assert concerns("Memory cgroup out of memory: Killed process 7 (ollama) total-vm:1kB", programs)
    assert concerns("oom-kill:constraint=CONSTRAINT_NONE,task=a-very-long-pro,pid=7,uid=0", programs)
    assert concerns("Xid 79: GPU has fallen off the bus", programs)
    assert concerns("Out of memory: Killed process 7 (firefox) total-vm:1kB", frozenset())
    assert not concerns("Out of memory: Killed process 7 (firefox) total-vm:1kB", programs)
    assert not concerns("firefox invoked oom-killer: gfp_mask=0x1", programs)
