"""Requests that run or wait now: those of the gateway, and those of clients that go round it, as engines tell. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from keepwell.app.overview.model import EngineRow, NodeRow, RequestRow
from keepwell.app.overview.numbers import Numbers
from keepwell.core.observation import Missing, unknown
from keepwell.gateway.record.state import AtWork, GatewayState

#: Requests that are told one by one; of more, those that have taken longest.
SHOWN = 500
#: Requests of one engine that are told of by its own numbers.
OF_ENGINE = 20
NOT_YET = unknown("it has not come that far")
#: Why so little is known of a request that goes round the gateway.
ROUND = unknown("its client goes round the gateway, and the engine does not tell")


def draw_requests(planes: Iterable[GatewayState], nodes: Iterable[NodeRow], numbers: Numbers) -> tuple[RequestRow, ...]:
    """All of them, those that have taken longest first."""
    told = list(_of_gateway(planes))
    busy: dict[str, int] = {}
    for one in told:
        busy[one.replica] = busy.get(one.replica, 0) + (one.stage != "waiting")
    rows = sorted(told, key=attrgetter("seconds"), reverse=True)
    for node in nodes:
        for engine in node.engines:
            rows += _of_engine(engine, numbers, busy.get(engine.ref.removeprefix("engine:"), 0))
    return tuple(rows[:SHOWN])


def _of_gateway(planes: Iterable[GatewayState]) -> Iterator[RequestRow]:
    for plane in planes:
        for replica in plane.replicas:
            for one in replica.requests:
                yield _draw(one, replica.replica)
        for one in plane.queued:
            yield _draw(one, "")


def _draw(one: AtWork, replica: str) -> RequestRow:
    return RequestRow(
        id=str(one.id),
        source="gateway",
        model=one.model,
        key=one.key,
        replica=replica,
        stage=one.stage,
        seconds=round(one.queue_seconds + one.seconds, 3),
        queue_seconds=one.queue_seconds,
        ttft_seconds=_known(one.ttft_seconds),
        output_tokens=_known(one.output_tokens),
        tokens_per_second=_known(one.tokens_per_second),
    )


def _known(number: float) -> float | Missing:
    if number < 0:
        return NOT_YET
    return number


def _of_engine(engine: EngineRow, numbers: Numbers, of_gateway: int) -> Iterator[RequestRow]:
    """As many as the engine works on beyond those that the gateway sent there."""
    running, model, stage = 0, "", "answering"
    if not isinstance(engine.running, Missing):
        running = int(engine.running)
    prompts = list(_prompts(engine, numbers))
    for name, progress in prompts:
        model, running = name, max(1, running)
        if progress < 1:
            stage = "prompt"
    if not prompts and len(engine.models) == 1:
        model = engine.models[0].name
    for number in range(min(OF_ENGINE, running - of_gateway)):
        yield _tell(engine, f"{engine.ref.removeprefix('engine:')}#{number + 1}", model, stage)
    if not isinstance(engine.waiting, Missing):
        for number in range(min(OF_ENGINE, int(engine.waiting))):
            yield _tell(engine, f"{engine.ref.removeprefix('engine:')}#w{number + 1}", model, "waiting")


def _prompts(engine: EngineRow, numbers: Numbers) -> Sequence[tuple[str, float]]:
    """Models of the engine that work on a request now, as its log says, and how far each is with the prompt."""
    place = engine.ref.removeprefix("engine:")
    found = []
    for one in engine.models:
        progress = numbers.find(f"model:{place}/{one.name}", "model.input_progress_ratio")
        if not isinstance(progress, Missing):
            found.append((one.name, progress))
    return found


def _tell(engine: EngineRow, name: str, model: str, stage: str) -> RequestRow:
    return RequestRow(
        id=name,
        source="log",
        model=model,
        key="",
        replica=engine.ref.removeprefix("engine:"),
        stage=stage,
        seconds=0.0,
        queue_seconds=ROUND,
        ttft_seconds=ROUND,
        output_tokens=ROUND,
        tokens_per_second=ROUND,
    )
