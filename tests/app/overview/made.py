"""A hub that knows a fleet: real tables, a board and pictures, filled as collectors and looks would."""

from __future__ import annotations

from pathlib import Path

from keepwell.app.hub.duty import Hub
from keepwell.app.report import DevicePicture, EnginePicture, LoadedPicture, NodePicture
from keepwell.config.model import Config, NodeEntry
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import absent, unknown
from keepwell.core.ref import Ref, device, engine, node
from keepwell.core.series import Batch, Reading, SeriesKey
from tests.app.hub.made import make_hub

GIB = 2.0**30
#: Of the first two a model lies half on the processor, and one is not well.
UNTOLD = unknown("not asked")


def make_fleet(state: Path, now: float, nodes: int = 2, gpus: int = 2) -> Hub:
    """Nodes node00, node01, ... with as many GPUs each and one engine, seen at this instant."""
    entries = tuple(NodeEntry(name=f"node{number:02d}", address=f"192.0.2.{number + 1}") for number in range(nodes))
    hub = make_hub(state, config=Config(nodes=entries))
    for number, entry in enumerate(entries):
        put_numbers(hub, entry.name, now, gpus, number)
        hub.pictures[entry.name] = picture(entry.name, gpus)
    hub.board.pin("survey node00", [trouble("node00")], now)
    return hub


def put_numbers(hub: Hub, name: str, now: float, gpus: int, seed: int = 0) -> None:
    """What collectors tell of one node."""
    subject, place = str(node(name)), str(engine(name, "chat"))
    readings: list[Reading] = [
        (SeriesKey("host.cpu_busy_ratio", subject), 0.25),
        (SeriesKey("host.memory_used_bytes", subject), 20 * GIB),
        (SeriesKey("host.memory_total_bytes", subject), 64 * GIB),
        (SeriesKey("engine.requests_running", place, (("model", "a"),)), 1.0),
        (SeriesKey("engine.requests_running", place, (("model", "b"),)), 2.0),
        (SeriesKey("engine.models_loaded", place), 1.0),
        (SeriesKey("process.memory_bytes", place, (("kind", "anonymous"),)), 3 * GIB),
        (SeriesKey("process.memory_bytes", place, (("kind", "file"),)), 9 * GIB),
    ]
    model = str(Ref("model", (name, "chat", "llama3.2:3b")))
    readings += [
        (SeriesKey("model.loaded_bytes", model), 4 * GIB),
        (SeriesKey("model.gpu_ratio", model), 0.5),
        (SeriesKey("model.expires_seconds", model), 240.0),
    ]
    for gpu in range(gpus):
        card = str(device(name, gpu))
        readings += [
            (SeriesKey("device.utilisation_ratio", card), (seed * 7 + gpu * 13) % 100 / 100),
            (SeriesKey("device.memory_used_bytes", card), (4 + gpu) * GIB),
            (SeriesKey("device.memory_total_bytes", card), 24 * GIB),
            (SeriesKey("device.temperature_celsius", card), 60.0 + gpu),
            (SeriesKey("device.power_watts", card), absent("no such sensor")),
            (SeriesKey("device.clock_hertz", card), 1.7e9),
        ]
    hub.table.put(Batch(node=name, at=now, readings=readings))


def picture(name: str, gpus: int) -> NodePicture:
    """What the newest look found."""
    return NodePicture(
        ref=node(name),
        system="Debian GNU/Linux 12 · x86_64",
        cores=16,
        memory_total_bytes=64 * GIB,
        memory_available_bytes=44 * GIB,
        devices=tuple(
            DevicePicture(
                ref=device(name, gpu),
                name="Card 24G",
                memory_total_bytes=UNTOLD,
                memory_used_bytes=UNTOLD,
                utilisation_ratio=UNTOLD,
                temperature_celsius=UNTOLD,
                power_watts=UNTOLD,
            )
            for gpu in range(gpus)
        ),
        engines=(
            EnginePicture(
                ref=engine(name, "chat"),
                title="Chat server",
                url="http://127.0.0.1:9000",
                version="1.2",
                status=Status.OK,
                state="well",
                supervisor="",
                log="",
                models=3,
                loaded=(LoadedPicture(name="old", size_bytes=1, gpu_ratio=1.0, context_tokens=0, expires_at=0.0),),
                requests_running=7.0,
                requests_waiting=UNTOLD,
            ),
        ),
    )


def trouble(name: str) -> Finding:
    """An engine that is not well."""
    return Finding(
        check="engine.responding",
        subject=engine(name, "chat"),
        status=Status.CRITICAL,
        message="Chat server at http://127.0.0.1:9000: does not answer",
    )
