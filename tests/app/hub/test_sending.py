"""Numbers reach their receivers, each once, whatever becomes of the receiver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from keepwell.app.hub.outlet import AT_ONCE, Outlet
from keepwell.app.hub.sending import FAILING_SECONDS, Sending
from keepwell.config.model import Config, Secret
from keepwell.config.sink_model import SinkEntry
from keepwell.core.finding import Status
from keepwell.core.observation import absent
from keepwell.core.series import Batch, SeriesKey
from keepwell.plugins.sink import Message
from keepwell.telemetry.table import Table
from keepwell.transport.local import LocalTransport
from tests.app.hub.made import make_hub
from tests.app.hub.receiver import Receiver, receiver
from tests.sinks.reading import Numbers, read_metrics, read_write
from tests.support import eventually_async

NOW = 1_800_000_000.0
POWER = SeriesKey("device.power_watts", "device:gpu01/0")
USED = SeriesKey("device.memory_used_bytes", "device:gpu01/0")


def entry(url: str, **more: Any) -> SinkEntry:
    return SinkEntry(**{"name": "one", "kind": "remote_write", "url": url, **more})


def put(table: Table, at: float, watts: float) -> None:
    table.put(Batch(node="gpu01", at=at, readings=[(POWER, watts), (USED, absent("nobody knows"))]))


def numbers(got: Receiver) -> Numbers:
    """All that was taken, by name, labels and instant; AssertionError where a number came twice."""
    found: Numbers = {}
    for _, headers, body in got.got:
        more = read_write(Message(body=body, headers=headers))
        assert not more.keys() & found.keys()
        found.update(more)
    return found


async def test_only_what_is_new_is_sent(tmp_path: Path) -> None:
    table, transport = Table(), LocalTransport()
    with receiver() as got:
        outlet = Outlet(entry(got.url), tmp_path)
        for at, watts in ((NOW, 70.0), (NOW, 70.0), (NOW + 15, 71.0)):
            put(table, at, watts)
            await outlet.send(table, transport, at)
        assert sorted(numbers(got).values()) == [70.0, 71.0]
        assert got.taken == 2
        assert {headers["user-agent"].partition("/")[0] for _, headers, _ in got.got} == {"keepwell"}
        assert {headers["x-prometheus-remote-write-version"] for _, headers, _ in got.got} == {"0.1.0"}
        assert (outlet.taken, outlet.problem) == (2, "")
    await transport.close()


async def test_what_was_not_taken_waits_and_comes_first(tmp_path: Path) -> None:
    table, transport = Table(), LocalTransport()
    with receiver() as got:
        got.statuses = [503, 503, 204, 204, 204]
        outlet = Outlet(entry(got.url), tmp_path)
        for step in range(3):
            put(table, NOW + 15 * step, 70.0 + step)
            await outlet.send(table, transport, NOW + 15 * step)
        assert "HTTP 503" in outlet.problem or outlet.problem == ""
        await outlet.send(table, transport, NOW + 60)
        assert outlet.waiting == (0, 0)
        well = [read_write(Message(body=body)) for _, _, body in got.got[2:]]
        assert [list(one.values()) for one in well] == [[70.0], [71.0], [72.0]]
        assert (outlet.taken, outlet.problem, outlet.failing_since) == (3, "", 0.0)
    await transport.close()


async def test_what_waits_outlives_the_process(tmp_path: Path) -> None:
    table, transport = Table(), LocalTransport()
    put(table, NOW, 70.0)
    gone = Outlet(entry("http://127.0.0.1:9"), tmp_path)
    await gone.send(table, transport, NOW)
    assert gone.problem
    assert gone.waiting[0] == 1
    with receiver() as got:
        await Outlet(entry(got.url), tmp_path).send(Table(), transport, NOW + 100)
        assert list(numbers(got).values()) == [70.0]
    assert list(tmp_path.iterdir()) == []
    await transport.close()


async def test_a_receiver_that_is_back_is_not_drowned(tmp_path: Path) -> None:
    table, transport = Table(), LocalTransport()
    outlet = Outlet(entry("http://127.0.0.1:9"), tmp_path)
    for step in range(AT_ONCE + 3):
        put(table, NOW + step, float(step))
        await outlet.send(table, transport, NOW + step)
    with receiver() as got:
        again = Outlet(entry(got.url), tmp_path)
        await again.send(Table(), transport, NOW + 100)
        assert got.taken == AT_ONCE
        await again.send(Table(), transport, NOW + 101)
        assert sorted(numbers(got).values()) == [float(step) for step in range(AT_ONCE + 3)]
    await transport.close()


async def test_what_is_refused_for_good_is_counted_and_never_sent_again(tmp_path: Path) -> None:
    table, transport = Table(), LocalTransport()
    with receiver() as got:
        got.statuses = [400]
        outlet = Outlet(entry(got.url), tmp_path)
        put(table, NOW, 70.0)
        await outlet.send(table, transport, NOW)
        assert (outlet.refused, outlet.taken) == (1, 0)
        assert "HTTP 400" in outlet.problem
        await outlet.send(table, transport, NOW + 15)
        assert got.taken == 1
    await transport.close()


async def test_one_that_wants_to_be_left_alone_is(tmp_path: Path) -> None:
    table, transport = Table(), LocalTransport()
    with receiver() as got:
        got.statuses, got.headers = [429], {"retry-after": "30"}
        outlet = Outlet(entry(got.url), tmp_path)
        for step in range(4):
            put(table, NOW + 15 * step, 70.0 + step)
            await outlet.send(table, transport, NOW + 15 * step)
        sent = [read_write(Message(body=body)) for _, _, body in got.got]
        assert [list(one.values()) for one in sent] == [[70.0], [70.0], [71.0], [72.0], [73.0]]
    await transport.close()


@pytest.mark.parametrize(("user", "login"), [("", "Bearer s3cret"), ("7", "Basic NzpzM2NyZXQ=")])
async def test_who_sends_is_told(tmp_path: Path, user: str, login: str) -> None:
    (tmp_path / "key").write_text("s3cret\n", encoding="utf-8")
    table, transport = Table(), LocalTransport()
    put(table, NOW, 70.0)
    with receiver() as got:
        more: dict[str, Any] = {
            "user": user,
            "secret": Secret(file=str(tmp_path / "key")),
            "headers": {"x-scope-orgid": "home"},
        }
        outlet = Outlet(entry(got.url, kind="otlp", **more), tmp_path / "spool")
        await outlet.send(table, transport, NOW)
        ((path, headers, body),) = got.got
        assert path == "/v1/metrics"
        assert (headers["authorization"], headers["x-scope-orgid"]) == (login, "home")
        assert list(read_metrics(body)[0].values()) == [70.0]
    await transport.close()


async def test_a_secret_that_is_not_there_is_told_and_costs_nothing_else(tmp_path: Path) -> None:
    table, transport = Table(), LocalTransport()
    put(table, NOW, 70.0)
    outlet = Outlet(entry("http://127.0.0.1:9", secret=Secret(file=str(tmp_path / "none"))), tmp_path / "spool")
    await outlet.send(table, transport, NOW)
    assert "cannot be read" in outlet.problem
    await transport.close()


async def test_where_nothing_can_wait_what_is_new_still_leaves(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    table, transport = Table(), LocalTransport()
    with receiver() as got:
        got.statuses = [503]
        outlet = Outlet(entry(got.url), tmp_path / "file" / "spool")
        for step in range(3):
            put(table, NOW + 15 * step, 70.0 + step)
            await outlet.send(table, transport, NOW + 15 * step)
            if not step:
                assert "keepwell's state" in outlet.problem
        assert (outlet.lost, outlet.taken, outlet.problem) == (1, 2, "")
        assert [list(read_write(Message(body=body)).values()) for _, _, body in got.got[1:]] == [[71.0], [72.0]]
    await transport.close()


async def test_the_duty_sends_tells_and_follows_the_file(tmp_path: Path) -> None:
    with receiver() as got:
        good = entry(got.url, only=("device.",))
        bad = entry("http://127.0.0.1:9", name="gone")
        hub = make_hub(tmp_path, config=Config(sinks=(good, bad)))
        duty = Sending()
        put(hub.table, NOW, 70.0)

        about = f"node:{hub.here}"
        lost = SeriesKey("hub.sink_up", about, (("sink", "gone"),))
        taken = SeriesKey("hub.sink_messages_total", about, (("outcome", "taken"), ("sink", "one")))

        async def sent() -> bool:
            await duty.do(hub, NOW)
            told = hub.table.find(lost), hub.table.find(taken)
            return [one.value for one in told if one is not None] == [0, 1]

        await eventually_async(sent)
        assert list(numbers(got).values()) == [70.0]
        await duty.do(hub, NOW + FAILING_SECONDS)
        found = {one.facts.get("sink", one.subject.name): one.status for one in hub.board.findings()}
        assert Status.WARNING in found.values()
        await duty.close()
        await hub.wiring.hands.close()
