"""host.proxy: which place sets which proxy variable, passwords masked."""

from __future__ import annotations

from keepwell.core.ref import engine
from keepwell.probes.proxy import PROBE
from keepwell.transport.base import Ran
from tests.machines import Machine, about

OLLAMA = engine("node", "ollama")


async def test_every_place_that_sets_one_is_told() -> None:
    machine = Machine()
    machine.node.answer(("printenv", "-0"), "HTTP_PROXY=http://mia:secret99@proxy.lan:3128\0NOTE=a\nb\0no_proxy=.lan\0")
    machine.files.put("/etc/environment", 'PATH="/bin"\nhttps_proxy="http://proxy.lan:3128"\n')
    process = about("engine.process", {"environment": {"ALL_PROXY": "socks5://p:1", "X": "y"}}, subject=OLLAMA)
    wished = {"HTTP_PROXY": {"value": "http://p:2", "file": "/etc/default/ollama", "line": 3}}
    files = about("engine.wished_settings", wished, subject=OLLAMA)
    (seen,) = await PROBE.observe(machine.place(process, files))
    assert seen.value == {
        "shell": {"HTTP_PROXY": "http://***@proxy.lan:3128", "no_proxy": ".lan"},
        "/etc/environment": {"https_proxy": "http://proxy.lan:3128"},
        "engine:node/ollama": {"ALL_PROXY": "socks5://p:1"},
        "/etc/default/ollama": {"HTTP_PROXY": "http://p:2"},
    }


async def test_where_printenv_knows_no_zeros_lines_are_read() -> None:
    machine = Machine()
    refused = ("printenv", "-0")
    machine.node.answer(refused, Ran(argv=refused, code=1, stdout=b"", stderr=b"illegal option"))
    machine.node.answer(("printenv",), "A=b\nhttp_proxy=http://p:1\n")
    (seen,) = await PROBE.observe(machine.place())
    assert seen.value == {"shell": {"http_proxy": "http://p:1"}}


async def test_none_at_all_is_an_empty_mapping() -> None:
    (seen,) = await PROBE.observe(Machine().place())
    assert seen.value == {}
