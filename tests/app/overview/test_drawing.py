"""The fleet at one instant: what is told of nodes, devices, engines and models, and why a number is not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from keepwell.app.overview.drawing import draw_overview
from keepwell.app.overview.nodes import NOT_SEEN
from keepwell.config.model import Config, NodeEntry
from keepwell.core.finding import Status
from keepwell.core.observation import Missing
from keepwell.core.series import Batch, SeriesKey
from tests.app.overview.made import GIB, make_fleet, put_numbers

NOW = 1_800_000_000.0


def test_numbers_stand_over_what_the_look_found(tmp_path: Path) -> None:
    hub = make_fleet(tmp_path, NOW)
    overview = draw_overview(hub, NOW + 10)
    first, second = (one for one in overview.nodes if one.name.startswith("node"))
    assert (first.name, first.status, first.seen_at) == ("node00", Status.CRITICAL, NOW)
    assert first.state.endswith("does not answer")
    assert (second.status, second.state, second.processor_ratio) == (Status.OK, "", 0.25)
    card = second.devices[1]
    assert (card.ref, card.name, card.memory_used_bytes, card.clock_hertz) == (
        "device:node01/1",
        "Card 24G",
        5 * GIB,
        1.7e9,
    )
    assert isinstance(card.power_watts, Missing)
    assert card.power_watts.reason == "no such sensor"
    (engine,) = second.engines
    assert (engine.running, engine.memory_bytes, engine.state) == (3.0, 3 * GIB, "well")
    assert first.engines[0].state == "does not answer"
    (model,) = engine.models
    assert (model.name, model.gpu_ratio, model.unload_seconds) == ("llama3.2:3b", 0.5, 230.0)
    assert overview.exit_code == 2


def test_an_old_number_is_none(tmp_path: Path) -> None:
    hub = make_fleet(tmp_path, NOW)
    later = NOW + 120
    node = next(one for one in draw_overview(hub, later).nodes if one.name == "node01")
    assert isinstance(node.processor_ratio, Missing)
    assert isinstance(node.devices[0].utilisation_ratio, Missing)
    assert node.devices[0].utilisation_ratio.kind == "failed"
    assert node.engines[0].models[0].name == "old"
    assert node.seen_at == NOW


def test_a_model_that_left_is_not_shown(tmp_path: Path) -> None:
    hub = make_fleet(tmp_path, NOW)
    key = SeriesKey("engine.models_loaded", "engine:node01/chat")
    gone = SeriesKey("model.loaded_bytes", "model:node01/chat/llama3.2:3b")
    hub.table.put(
        Batch(node="node01", at=NOW + 1, readings=((key, 0.0), (gone, Missing(kind="absent", reason="left"))))
    )
    node = next(one for one in draw_overview(hub, NOW + 1).nodes if one.name == "node01")
    assert node.engines[0].models == ()


def test_a_node_that_nobody_has_seen_is_told_as_such(tmp_path: Path) -> None:
    hub = make_fleet(tmp_path, NOW)
    config = Config(nodes=(NodeEntry(name="new", address="192.0.2.9"),))
    hub = replace(hub, wiring=replace(hub.wiring, config=config))
    node = next(one for one in draw_overview(hub, NOW).nodes if one.name == "new")
    assert (node.status, node.state, node.seen_at) == (Status.UNKNOWN, NOT_SEEN, 0.0)


def test_numbers_of_a_node_without_a_look_are_shown(tmp_path: Path) -> None:
    hub = make_fleet(tmp_path, NOW, nodes=1)
    put_numbers(hub, "far", NOW, gpus=11)
    node = next(one for one in draw_overview(hub, NOW).nodes if one.name == "far")
    assert [one.name for one in node.devices] == [str(number) for number in range(11)]
    assert node.engines == ()
