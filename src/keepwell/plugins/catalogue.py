"""Engines whose list of models can be kept as an owner wishes it: what they offer, how it is fetched and left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from keepwell.core.observation import Missing


@runtime_checkable
class KeepsCatalogue(Protocol):
    """An engine that fetches models by name and offers what lies in its store. All of it is pure."""

    def catalogue_url(self, url: str) -> str:
        """Where it tells what it offers; asking loads nothing."""
        ...

    def parse_catalogue(self, body: bytes) -> Mapping[str, str] | Missing:
        """The digest of each model by its whole name, from the answer of that address; "" where it has none."""
        ...

    def name_whole(self, model: str) -> str:
        """The name as the catalogue has it, from one that somebody wrote."""
        ...

    def fetch_at(self, model: str, url: str) -> tuple[str, ...]:
        """The command that lets the engine at this address fetch a model."""
        ...

    def manifest_of(self, model: str, folder: str) -> str:
        """The file of a store in this folder without which the model is not offered; its weights stay."""
        ...
