"""engine.process and its like: the process, its children, addresses and memory."""

from __future__ import annotations

from keepwell.core.observation import Missing, Observation, Value
from keepwell.core.values import row_of, rows_of
from keepwell.plugins.place import Place, Site
from keepwell.probes.engine_process import PROBE, find_descendants
from tests.machines import Machine, about
from tests.probes.engines import REF, PlainEngine, WholeEngine, dead_site, place_of, process


def row(pid: int, parent: int, *argv: str) -> dict[str, Value]:
    return {"pid": pid, "parent_pid": parent, "argv": argv, "state": "S", "started_at": 5.0}


async def look(place: Place) -> dict[str, Observation]:
    return {one.name: one for one in await PROBE.observe(place)}


async def test_state_children_threads_and_masked_environment_are_told() -> None:
    machine = Machine()
    machine.process(700, ("made", "serve"), state="T")
    machine.process(701, ("made", "runner", "tiny"), parent=700)
    site = Site(
        ref=REF,
        engine="made",
        url="http://127.0.0.1:7000",
        process=process(
            environment={"MADE_API_KEY": "abcdefghij", "HOME": "/home/mia"}, argv=("made", "--token", "abcdefgh1")
        ),
    )
    rows = about("host.processes", (row(700, 1, "made"), row(701, 700, "made", "runner", "tiny")))
    sockets = about("host.sockets", ({"address": "127.0.0.1", "port": 7000, "pid": 700},))
    seen = await look(place_of(machine, WholeEngine(), rows, sockets, site=site))
    told = row_of(seen["engine.process"].value)
    assert (told["state"], told["children"], told["threads"]) == ("T", (701,), 1)
    assert told["environment"] == {"MADE_API_KEY": "***", "HOME": "/home/mia"}
    assert "abcdefgh1" not in str(told)
    assert seen["engine.listening"].value == ("127.0.0.1:7000",)
    assert rows_of(seen["engine.runners"].value) == ({"pid": 701, "state": "S", "started_at": 5.0, "model": "tiny"},)
    assert seen["engine.resident_bytes"].value == 2 * 40_000 * 1024
    assert seen["engine.swap_bytes"].value == 2 * 12 * 1024


async def test_an_engine_without_children_has_no_runners_at_all() -> None:
    machine = Machine()
    machine.process(700, ("made",))
    for made in (PlainEngine(), WholeEngine(itself=True)):
        value = (await look(place_of(machine, made)))["engine.runners"].value
        assert isinstance(value, Missing)
        assert value.kind == "absent"


async def test_a_wrapper_listens_through_its_child() -> None:
    machine = Machine()
    rows = about("host.processes", (row(700, 1, "sh"), row(701, 700, "made")))
    sockets = about("host.sockets", ({"address": "::", "port": 7000, "pid": 701},))
    seen = await look(place_of(machine, PlainEngine(), rows, sockets))
    assert seen["engine.listening"].value == ("[::]:7000",)


async def test_a_container_listens_where_it_is_published() -> None:
    machine = Machine()
    site = Site(
        ref=REF, engine="made", url="http://127.0.0.1:7000", process=process(), supervisor="container", unit="llm"
    )
    box = about("host.containers", ({"name": "llm", "ports": ({"address": "0.0.0.0", "port": 7000},)},))
    seen = await look(place_of(machine, PlainEngine(), about("host.sockets", ()), box, site=site))
    assert seen["engine.listening"].value == ("0.0.0.0:7000",)


async def test_listening_nowhere_is_absent_and_unreadable_sockets_stay_missing() -> None:
    machine = Machine()
    nowhere = (await look(place_of(machine, PlainEngine(), about("host.sockets", ()))))["engine.listening"].value
    unseen = (await look(place_of(machine, PlainEngine())))["engine.listening"].value
    assert isinstance(nowhere, Missing)
    assert nowhere.kind == "absent"
    assert isinstance(unseen, Missing)
    assert unseen.kind == "unknown"


async def test_where_nothing_serves_everything_is_missing_for_that_reason() -> None:
    seen = await look(place_of(Machine(), PlainEngine(), site=dead_site()))
    assert set(seen) == set(PROBE.gives)
    assert {str(one.value) for one in seen.values()} == {"absent: nothing serves"}


def test_a_loop_of_parents_ends() -> None:
    rows = [row(1, 2), row(2, 1), row(3, 2)]
    assert [one["pid"] for one in find_descendants(rows, 1)] == [2, 3]


async def test_a_proxy_before_an_engine_has_no_runners() -> None:
    machine = Machine()
    machine.process(700, ("/usr/sbin/nginx", "-c", "/etc/nginx.conf"))
    site = Site(
        ref=REF, engine="made", url="http://127.0.0.1:7000", process=process(argv=("nginx: master process nginx",))
    )
    value = (await look(place_of(machine, WholeEngine(), site=site)))["engine.runners"].value
    assert isinstance(value, Missing)
    assert "nginx" in value.reason
