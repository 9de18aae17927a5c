"""Requests as they stream: what the gateway knows of its own, and engines of those that go round it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from keepwell.app.overview.drawing import draw_overview
from keepwell.app.overview.gathering import Gathered, Gatherer
from keepwell.app.overview.live import ROUND
from keepwell.app.overview.model import RequestRow
from keepwell.core.finding import Status
from keepwell.core.observation import Missing
from keepwell.core.series import Batch, SeriesKey
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.record.state import About, AtWork, GatewayState, ReplicaState
from keepwell.store.alert_state import AlertFile, AlertState, Explanation, Incident, save_alerts
from keepwell.testing.engine import FakeEngine, Fault
from keepwell.transport.local import LocalTransport
from tests.app.overview.made import make_fleet
from tests.gateway.made import MODEL, chat
from tests.gateway.planes import make_settings, render, running_plane
from tests.support import eventually_async

NOW = 1_800_000_000.0


async def test_a_stream_is_seen_as_it_comes_and_one_that_waits_too(tmp_path: Path) -> None:
    hub = make_fleet(tmp_path, NOW, nodes=0)
    gatherer = Gatherer()

    async def look() -> list[RequestRow]:
        gathered = await gatherer.gather(tmp_path, LocalTransport(), NOW)
        return list(draw_overview(hub, NOW, gathered).requests)

    async with FakeEngine("vllm") as engine:
        engine.state.token_seconds = 0.05
        settings = make_settings(engine)
        one = (replace(settings.replicas[0], limit=1),)
        routes = (Route(name=MODEL, replicas={"box/0": MODEL}, policy=("least_work",), waiting=5),)
        async with running_plane(tmp_path, engine, replicas=one, routes=routes) as plane:
            body = chat(stream=True, max_tokens=400)
            first = await open_stream(plane.port, body)
            try:

                async def streams() -> bool:
                    return any(row.stage == "answering" and is_more(row.output_tokens, 3) for row in await look())

                await eventually_async(streams)
                second = await open_stream(plane.port, body)

                async def waits() -> bool:
                    return any(row.stage == "waiting" for row in await look())

                await eventually_async(waits)
                at_work, waiting = await look()
                assert (at_work.source, at_work.model, at_work.replica) == ("gateway", MODEL, "box/0")
                assert not isinstance(at_work.ttft_seconds, Missing)
                assert 0 < at_work.ttft_seconds < at_work.seconds + 1
                assert is_more(at_work.tokens_per_second, 0)
                assert (waiting.replica, isinstance(waiting.ttft_seconds, Missing)) == ("", True)
                second.close()
            finally:
                engine.state.token_seconds = 0.0
                first.close()

            async def gone() -> bool:
                return not await look()

            await eventually_async(gone)


async def test_a_prompt_is_told_before_the_first_token(tmp_path: Path) -> None:
    hub = make_fleet(tmp_path, NOW, nodes=0)
    gatherer = Gatherer()
    async with FakeEngine("vllm") as engine, running_plane(tmp_path, engine) as plane:
        await engine.set_fault(Fault.HANG, "/v1/chat/completions")
        client = await open_stream(plane.port, chat(stream=True))

        async def reads() -> bool:
            gathered = await gatherer.gather(tmp_path, LocalTransport(), NOW)
            rows = draw_overview(hub, NOW, gathered).requests
            return any(row.stage == "prompt" and isinstance(row.output_tokens, Missing) for row in rows)

        await eventually_async(reads)
        client.close()


def test_what_goes_round_the_gateway_is_counted_beyond_its_own(tmp_path: Path) -> None:
    hub = make_fleet(tmp_path, NOW, nodes=1)
    own = ReplicaState(replica="node00/chat", node="node00", running=1, requests=(AtWork(id=5, model="a"),))
    gathered = Gathered(planes=(GatewayState(plane=About(), replicas=(own,)),))
    rows = draw_overview(hub, NOW, gathered).requests
    assert [(row.source, row.stage) for row in rows] == [
        ("gateway", "prompt"),
        ("log", "answering"),
        ("log", "answering"),
    ]
    assert rows[1].output_tokens is ROUND
    assert rows[1].model == "llama3.2:3b"


def test_a_log_tells_of_a_prompt_where_no_number_does(tmp_path: Path) -> None:
    hub = make_fleet(tmp_path, NOW, nodes=1)
    running = [SeriesKey("engine.requests_running", "engine:node00/chat", (("model", name),)) for name in "ab"]
    progress = SeriesKey("model.input_progress_ratio", "model:node00/chat/llama3.2:3b")
    hub.table.put(Batch(node="node00", at=NOW, readings=[*((key, 0.0) for key in running), (progress, 0.4)]))
    (row,) = draw_overview(hub, NOW).requests
    assert (row.source, row.stage, row.model) == ("log", "prompt", "llama3.2:3b")
    hub.table.put(Batch(node="node00", at=NOW + 1, readings=[(progress, 1.0)]))
    (row,) = draw_overview(hub, NOW + 1).requests
    assert row.stage == "answering"


async def test_alerts_are_read_again_when_they_changed_and_a_damaged_file_is_a_note(tmp_path: Path) -> None:
    hub, gatherer = make_fleet(tmp_path, NOW, nodes=0), Gatherer()
    found = Explanation(issue="x", title="Stopped", confidence=0.98, commands=("kill -CONT 6",))
    incident = Incident(
        id="i-1",
        root="r",
        check="engine.responding",
        subject="engine:node00/chat",
        message="does not answer",
        began_at=NOW,
        due_at=NOW,
        worst=Status.CRITICAL,
        most=Status.CRITICAL,
        explanation=found,
    )
    over = replace(incident, id="i-2", ended_at=NOW)
    save_alerts(tmp_path, AlertFile(state=AlertState(incidents={"i-1": incident, "i-2": over})))
    gathered = await gatherer.gather(tmp_path, LocalTransport(), NOW)
    (row,) = draw_overview(hub, NOW, gathered).alerts
    assert (row.id, row.cause, row.command) == ("i-1", "Stopped (98 %)", "kill -CONT 6")
    (tmp_path / "alerts" / "state.json").write_bytes(b"{")
    gathered = await gatherer.gather(tmp_path, LocalTransport(), NOW + 5)
    assert any("alerts" in note for note in gathered.notes)
    assert gathered.alerts.state.incidents


async def open_stream(port: int, body: dict[str, object]) -> asyncio.StreamWriter:
    """A request whose answer nobody reads to its end."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(render("/v1/chat/completions", body))
    return writer


def is_more(number: float | Missing, than: float) -> bool:
    """True for a number that is."""
    return not isinstance(number, Missing) and number > than
