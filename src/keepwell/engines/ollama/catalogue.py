"""Ollama's list of models: names, digests of manifests, and where each manifest lies."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.core.observation import Missing, failed
from keepwell.plugins.ask import parse_fields

#: What a name leaves out; see `keepwell.engines.ollama.store`.
_REGISTRY, _LIBRARY, _LATEST = "registry.ollama.ai", "library", "latest"


def parse_tags(body: bytes) -> Mapping[str, str] | Missing:
    """The digests by name, from the answer of `/api/tags`."""
    found = parse_fields(body)
    if isinstance(found, Missing):
        return found
    if "models" not in found.data:
        return failed("the answer holds no list of models")
    return {one.text("name"): one.text("digest") for one in found.items("models") if one.text("name")}


def name_whole(model: str) -> str:
    """With its tag."""
    last = model.rpartition("/")[2]
    return model if ":" in last else f"{model}:{_LATEST}"


def find_manifest(model: str, folder: str) -> str:
    """manifests/<host>/<namespace>/<model>/<tag>"""
    name, _, tag = name_whole(model).rpartition(":")
    parts = name.split("/")
    full = [*[_REGISTRY, _LIBRARY][: max(0, 3 - len(parts))], *parts]
    return "/".join((folder.rstrip("/"), "manifests", *full, tag))
