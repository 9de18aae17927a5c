"""engine.health, version, models, loaded and readings through an engine's capabilities."""

from __future__ import annotations

from dataclasses import replace

from keepwell.core.errors import Unreachable
from keepwell.core.observation import Missing, Observation, absent, unknown
from keepwell.core.values import row_of, rows_of
from keepwell.plugins.engine import LoadedModel, ModelInfo
from keepwell.plugins.place import Place, Site
from keepwell.probes.engine_api import PROBE
from keepwell.transport.base import Transport
from tests.machines import Machine
from tests.probes.engines import REF, PlainEngine, WholeEngine, place_of, process


def answering() -> Machine:
    machine = Machine()
    machine.node.reply("GET", "http://127.0.0.1:7000/version", "1.2")
    return machine


async def look(place: Place) -> dict[str, Observation]:
    return {one.name: one for one in await PROBE.observe(place)}


async def test_everything_that_the_engine_tells_is_observed() -> None:
    made = WholeEngine(
        offered=(ModelInfo(name="tiny", size_bytes=10, path="/models/tiny.gguf"),),
        in_memory=(
            LoadedModel(name="tiny", size_bytes=10, gpu_bytes=4, context_tokens=2048),
            LoadedModel(name="other", size_bytes=10, gpu_bytes=unknown("not told")),
        ),
        readings={"requests_running": 1.0},
    )
    seen = await look(place_of(answering(), made))
    health = row_of(seen["engine.health"].value)
    assert (health["state"], health["http_status"]) == ("well", 200)
    assert "\x1b" not in str(health["said"])
    assert seen["engine.version"].value == "1.2"
    assert seen["engine.readings"].value == {"requests_running": 1.0}
    loaded = seen["engine.loaded"].value
    assert isinstance(loaded, tuple)
    assert row_of(loaded[0])["gpu_ratio"] == 0.4
    assert "gpu_ratio" not in row_of(loaded[1])
    assert rows_of(seen["engine.models"].value)[0]["path"] == "/models/tiny.gguf"


async def test_a_missing_capability_is_absent_and_a_missing_answer_keeps_its_reason() -> None:
    plain = await look(place_of(answering(), PlainEngine()))
    assert {str(plain[name].value).partition(":")[0] for name in PROBE.gives[2:]} == {"absent"}
    refusing = WholeEngine(offered=absent("no key"))
    assert (await look(place_of(answering(), refusing)))["engine.models"].value == absent("no key")


async def test_an_access_error_stays_with_what_it_hit() -> None:
    class Breaking(WholeEngine):
        async def models(self, site: Site, transport: Transport) -> tuple[ModelInfo, ...] | Missing:
            raise Unreachable("reset by peer")

    seen = await look(place_of(answering(), Breaking()))
    value = seen["engine.models"].value
    assert isinstance(value, Missing)
    assert "reset by peer" in value.reason
    assert seen["engine.loaded"].value == ()


async def test_an_engine_that_does_not_answer_is_asked_nothing_more() -> None:
    machine = Machine()
    made = WholeEngine()
    made.state = "refused"
    seen = await look(place_of(machine, made))
    assert row_of(seen["engine.health"].value)["state"] == "refused"
    assert {str(seen[name].value).partition(":")[0] for name in PROBE.gives[1:]} == {"failed"}
    assert not machine.node.calls


async def test_a_stopped_process_is_not_even_asked_for_its_health() -> None:
    site = Site(ref=REF, engine="made", url="http://127.0.0.1:7000", process=process(state="T"))
    seen = await look(place_of(Machine(), WholeEngine(), site=site))
    health = row_of(seen["engine.health"].value)
    assert health["state"] == "silent"
    assert "stopped" in str(health["said"])


async def test_an_engine_that_no_plug_in_knows_is_unknown() -> None:
    place = replace(place_of(Machine(), PlainEngine()), engine=None)
    values = [one.value for one in await PROBE.observe(place)]
    assert all(isinstance(value, Missing) and value.kind == "unknown" for value in values)
