"""host.names: what the resolver says, else the hosts file."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.observation import Missing
from keepwell.core.ref import engine
from keepwell.core.values import row_of
from keepwell.probes.names import PROBE, parse_getent, parse_hosts
from keepwell.transport.base import Ran
from keepwell.transport.recorded.tape import Refusal, TapeFile
from tests.machines import Machine, about


async def test_localhost_and_the_hosts_of_engines_are_resolved() -> None:
    machine = Machine()
    machine.node.answer(("getent", "ahosts", "gpubox"), "192.168.1.9 STREAM gpubox\n192.168.1.9 DGRAM\n")
    site = about("engine.site", {"url": "http://gpubox:11434"}, subject=engine("node", "ollama"))
    local = about("engine.site", {"url": "http://127.0.0.1:8080"}, subject=engine("node", "llamacpp"))
    (seen,) = await PROBE.observe(machine.place(site, local))
    assert seen.value == {"localhost": ("127.0.0.1", "::1"), "gpubox": ("192.168.1.9",)}


async def test_a_name_that_does_not_resolve_has_no_address() -> None:
    machine = Machine()
    command = ("getent", "ahosts", "localhost")
    machine.node.answer(command, Ran(argv=command, code=2, stdout=b"", stderr=b""))
    (seen,) = await PROBE.observe(machine.place())
    assert row_of(seen.value)["localhost"] == ()


async def test_without_getent_the_hosts_file_tells() -> None:
    machine = Machine()
    machine.node.answer(("getent", "ahosts", "localhost"), Refusal(kind="NotThere"))
    machine.files.put("/etc/hosts", "# 127.0.0.1 localhost\n::1 ip6 localhost # six only\n")
    (seen,) = await PROBE.observe(machine.place())
    assert row_of(seen.value)["localhost"] == ("::1",)


async def test_when_nothing_can_be_asked_it_is_failed() -> None:
    machine = Machine()
    machine.node.answer(("getent", "ahosts", "localhost"), Refusal(kind="TimedOut", what="late"))
    machine.files.put("/etc/hosts", TapeFile(refused=Refusal(kind="NotPermitted", what="no")))
    (seen,) = await PROBE.observe(machine.place())
    assert isinstance(seen.value, Missing)


@given(st.text(), st.text())
def test_any_text_reads_without_an_error(text: str, name: str) -> None:
    assert isinstance(parse_getent(text), tuple)
    assert isinstance(parse_hosts(text, name), tuple)
