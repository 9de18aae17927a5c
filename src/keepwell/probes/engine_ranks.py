"""How an engine splits a model over GPUs, the networks of its ranks, and the shared memory that they talk through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, failed, unknown
from keepwell.core.secret import mask_environment
from keepwell.formats.ray import parse_release
from keepwell.plugins.ask import fields_of
from keepwell.plugins.parallel import INTERFACE_VARIABLES, OTHER_VARIABLES, SplitsModel
from keepwell.plugins.place import Place, Site
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

SHARED_MEMORY = "/dev/shm"
#: Files in /dev/shm that are counted; each rank leaves a few, a machine with thousands has leaked them.
SEGMENTS = 100_000


class EngineRanks:
    """Gives engine.ranks, engine.collective and engine.shared_memory."""

    level = 3
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.05
    gives: tuple[str, ...] = ("engine.ranks", "engine.collective", "engine.shared_memory")
    needs: tuple[str, ...] = ("engine.site",)

    async def observe(self, place: Place) -> Iterable[Observation]:
        """All three; the last two Missing where nothing serves."""
        assert place.site is not None
        ranks = await _ranks(place, place.site)
        process = place.site.process
        if isinstance(process, Missing):
            return [
                place.saw("engine.ranks", ranks, "its start command"),
                *(place.saw(name, process, "discovery") for name in self.gives[1:]),
            ]
        path = f"/proc/{process.pid}/root{SHARED_MEMORY}"
        return [
            place.saw("engine.ranks", ranks, f"/proc/{process.pid}/cmdline"),
            place.saw("engine.collective", _choices(place.engine, process.environment), f"/proc/{process.pid}/environ"),
            place.saw("engine.shared_memory", await _shared_memory(place.transport, path), path),
        ]


def _choices(engine: object, environment: Mapping[str, str]) -> Value | Missing:
    """Variables by what they choose, secrets masked."""
    if not environment:
        return unknown("the environment of its process cannot be read by this user")
    shown = mask_environment(environment)
    addresses: tuple[str, ...] = ()
    if isinstance(engine, SplitsModel):
        addresses = engine.address_variables
    kinds = {"interfaces": INTERFACE_VARIABLES, "addresses": addresses, "others": OTHER_VARIABLES}
    return {kind: {name: shown[name] for name in names if name in shown} for kind, names in kinds.items()}


async def _ranks(place: Place, site: Site) -> Value | Missing:
    if not isinstance(place.engine, SplitsModel):
        return unknown("this engine splits no model over processes")
    argv, environment = site.start, dict[str, str]()
    if not isinstance(site.process, Missing):
        argv, environment = site.process.argv, dict(site.process.environment)
    if not argv:
        return unknown("its start command is not known")
    ranks = place.engine.ranks(argv, environment)
    found: dict[str, Value] = {
        "tensor": ranks.tensor,
        "pipeline": ranks.pipeline,
        "data": ranks.data,
        "executor": ranks.executor,
    }
    found |= await _heads(place.transport, place.engine.model_settings(site))
    release = await _ray_release(place.transport, site)
    if release:
        found["ray_version"] = release
    return found


async def _heads(transport: Transport, path: str) -> Mapping[str, Value]:
    """What a size must divide, from the model's configuration (that of its text part, for one that also sees)."""
    if not path:
        return {}
    try:
        told = fields_of(msgspec.json.decode(await transport.read(path)))
    except (AccessError, msgspec.DecodeError):
        return {}
    inner = told.fields("text_config")
    names = {"heads": "num_attention_heads", "key_heads": "num_key_value_heads"}
    sizes = {name: told.integer(key) or inner.integer(key) for name, key in names.items()}
    return {name: size for name, size in sizes.items() if size}


async def _ray_release(transport: Transport, site: Site) -> str:
    """The release of Ray beside the engine's own program: what it joins a cluster with."""
    if isinstance(site.process, Missing):
        return ""
    for item in site.process.argv[:2]:
        folder, slash, _ = item.rpartition("/bin/")
        if not slash:
            continue
        try:
            pythons = [name for name in await transport.list(f"{folder}/lib") if name.startswith("python")]
            path = f"{folder}/lib/{pythons[-1]}/site-packages/ray/_version.py"
            return parse_release((await transport.read(path)).decode("utf-8", "replace"))
        except (AccessError, IndexError):
            continue
    return ""


async def _shared_memory(transport: Transport, path: str) -> Value | Missing:
    """Through the process's own root, so that a container's is seen."""
    try:
        space = await transport.space(path)
        names = await transport.list(path)
    except AccessError as error:
        return failed(error)
    return {
        "path": SHARED_MEMORY,
        "total_bytes": space.total_bytes,
        "free_bytes": space.free_bytes,
        "segments": min(len(names), SEGMENTS),
    }


PROBE = EngineRanks()
