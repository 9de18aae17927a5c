"""Ollama's store on disk: manifests name blobs by digest and size.

manifests/<host>/<namespace>/<model>/<tag>      JSON; anything at another depth is not seen by Ollama
blobs/sha256-<64 hex digits>
"""

from __future__ import annotations

import re

import msgspec

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, failed
from keepwell.plugins.ask import Fields
from keepwell.plugins.engine import StoreEntry
from keepwell.transport.base import Transport

#: Manifests are about 1 KB; one of more than this is no manifest.
MANIFEST_BYTES = 1024 * 1024
#: Manifests that are read: far more than anybody pulls, few enough to end.
MAX_MANIFESTS = 2000
#: Below the folder of a registry's host: namespace, model, tag.
LEVELS_BELOW_HOST = 3
#: Layers of one model; safetensors models have one for each tensor.
MAX_LAYERS = 20_000
_DIGEST = re.compile(r"sha256[:-]([0-9a-fA-F]{64})")
_LAYER = "application/vnd.ollama.image."
#: Which part of a model a layer is; weights are what cannot be done without.
_ROLES = {"model": "weights", "tensor": "weights", "projector": "weights", "adapter": "weights", "draft": "weights"}
#: What `ollama list` leaves out of a name.
_REGISTRY, _LIBRARY, _LATEST = "registry.ollama.ai", "library", "latest"


async def find_entries(folder: str, transport: Transport) -> tuple[StoreEntry, ...] | Missing:
    """Every file that the manifests name, the manifests first. Missing when the folder cannot be read.

    A manifest or a folder of them that cannot be read stands among them with its problem.
    """
    named = await find_named(folder, transport)
    if isinstance(named, Missing):
        return named
    found: dict[str, StoreEntry] = {}
    for entry in named:
        found.setdefault(entry.path, entry)
    return tuple(found.values())


async def find_named(folder: str, transport: Transport) -> tuple[StoreEntry, ...] | Missing:
    """The same, with an entry for each model that names a file."""
    root = folder.rstrip("/")
    try:
        hosts = await transport.list(f"{root}/manifests")
    except AccessError as error:
        return failed(error)
    problems: dict[str, StoreEntry] = {}
    named: list[StoreEntry] = []
    for path in await _find_manifests([f"{root}/manifests/{host}" for host in hosts], transport, problems):
        named += await _entries(root, path, transport)
    return (*problems.values(), *named)


def parse_manifest(content: bytes, manifest: str, model: str, blobs: str) -> tuple[StoreEntry, ...]:
    """The files that one manifest names, itself first; a corrupt one gives itself alone, with what is wrong."""
    problem = ""
    layers: list[StoreEntry] = []
    try:
        value: object = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        value, problem = None, f"the manifest is not JSON: {error}"
    if not problem and not isinstance(value, dict):
        problem = "the manifest is not a JSON mapping"
    if isinstance(value, dict):
        fields = Fields(data=value)
        named = [("config", fields.fields("config")), *((one.text("mediaType"), one) for one in fields.items("layers"))]
        for kind, one in named[:MAX_LAYERS]:
            digest = _DIGEST.fullmatch(one.text("digest"))
            if digest is None:
                problem = f"the manifest names a layer without a valid digest: {one.text('digest')[:80]!r}"
                continue
            layers.append(_layer(f"{blobs}/sha256-{digest[1].lower()}", one.integer("size"), model, kind))
        if not fields.items("layers"):
            problem = problem or "the manifest names no layers"
    if not content.strip():
        problem = "the manifest is empty"
    kind = {True: "manifest-corrupt", False: ""}[bool(problem)]
    own = StoreEntry(
        path=manifest, size_bytes=0, model=model, role="manifest", exact=False, problem=kind, detail=problem
    )
    return (own, *layers)


def model_name(host: str, namespace: str, model: str, tag: str) -> str:
    """The name as `ollama list` shows it: the default registry and namespace are left out, the tag never."""
    parts = [model]
    if namespace != _LIBRARY or host != _REGISTRY:
        parts.insert(0, namespace)
    if host != _REGISTRY:
        parts.insert(0, host)
    return f"{'/'.join(parts)}:{tag or _LATEST}"


def _layer(path: str, size: int, model: str, kind: str) -> StoreEntry:
    role = kind if kind == "config" else _ROLES.get(kind.removeprefix(_LAYER), "part")
    return StoreEntry(path=path, size_bytes=size, model=model, role=role)


async def _find_manifests(paths: list[str], transport: Transport, problems: dict[str, StoreEntry]) -> list[str]:
    """All files three levels below the folders of hosts; what cannot be listed goes among the problems."""
    for _ in range(LEVELS_BELOW_HOST):
        below: list[str] = []
        for path in paths:
            try:
                below += [f"{path}/{name}" for name in await transport.list(path)]
            except NotThere:
                continue  # a file at this depth: Ollama does not see it either
            except AccessError as error:
                problems[path] = _unreadable(path, path.rpartition("/manifests/")[2], error)
        paths = below[:MAX_MANIFESTS]
    return paths


async def _entries(root: str, path: str, transport: Transport) -> tuple[StoreEntry, ...]:
    model = model_name(*path.split("/")[-4:])
    try:
        content = await transport.read(path, max_bytes=MANIFEST_BYTES)
    except AccessError as error:
        return (_unreadable(path, model, error),)
    return parse_manifest(content, path, model, f"{root}/blobs")


def _unreadable(path: str, model: str, error: AccessError) -> StoreEntry:
    return StoreEntry(
        path=path, size_bytes=0, model=model, role="manifest", exact=False, problem="unreadable", detail=str(error)
    )
