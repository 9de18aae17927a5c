"""Devices and windows, with the engines whose models lie there, for whoever decides on device time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from keepwell.app.serving.engine_facts import Known
from keepwell.config.model import Config
from keepwell.config.window_schema import name_device
from keepwell.core.observation import Missing
from keepwell.jobs.device_rules import make_plain_rules
from keepwell.plugins.engine import LoadedModel
from keepwell.plugins.residency import LoadsModels
from keepwell.plugins.routing import find_port
from keepwell.turns.words import Device, Rules


def make_rules(
    config: Config, here: str, known: Sequence[Known], plugins: Mapping[str, object], found: Mapping[str, int]
) -> Rules:
    """`here` is this machine's name; `plugins` are those of the replicas, `found` the devices that were seen with their
    bytes of memory.
    """
    plain = make_plain_rules(config, here, found, (one.replica.node for one in known))
    only = {name_device(one.name, here): one.engines for one in config.devices if one.engines}
    unloading = {name for name, one in plugins.items() if isinstance(one, LoadsModels)}
    devices = []
    for one in plain.devices:
        node = one.name.partition("/")[0]
        there = [engine for engine in known if engine.replica.node == node]
        if one.name in only:
            there = [engine for engine in there if not _names_of(engine, config, here).isdisjoint(only[one.name])]
        devices.append(_describe(one, there, unloading))
    return replace(plain, devices=tuple(devices))


def lies_there(model: LoadedModel, device: str) -> bool:
    """True where a model in memory takes some of this device: of a node every one does."""
    if "/" not in device or isinstance(model.gpu_bytes, Missing):
        return True
    return model.gpu_bytes > 0


def _describe(device: Device, engines: Sequence[Known], unloading: Iterable[str]) -> Device:
    names = tuple(one.replica.id for one in engines)
    taken = sum(_bytes_of(model) for one in engines for model in one.loaded if lies_there(model, device.name))
    return replace(device, replicas=names, models_bytes=taken, unloads=not set(names).isdisjoint(unloading))


def _bytes_of(model: LoadedModel) -> int:
    """Of a GPU; all of it where its engine does not tell the split."""
    if isinstance(model.gpu_bytes, Missing):
        return model.size_bytes
    return model.gpu_bytes


def _names_of(one: Known, config: Config, here: str) -> set[str]:
    """By what an engine may be named: its replica, and its label."""
    replica = one.replica
    labels = (
        entry.name
        for entry in config.engines
        if (entry.node or here) == replica.node and find_port(entry.url) == replica.port
    )
    return {replica.id, *labels} - {""}
