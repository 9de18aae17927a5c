"""Engines that ought to be there: declared by the owner, or remembered from an earlier survey."""

from __future__ import annotations

from dataclasses import dataclass

from keepwell.core.issue import Supervisor
from keepwell.plugins.place import LogSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is known beforehand of one engine. `engine` is the plug-in's name, "" if the owner did not say.

    `url` has no trailing slash; `start` is the command that starts it (() if unknown); `declared` is False for
    one that is only remembered. `seen_at` is when it last served, in seconds since the epoch, 0 if never seen.
    """

    engine: str
    url: str
    declared: bool
    name: str = ""
    start: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    logs: tuple[LogSource, ...] = ()
    models_folder: str = ""
    api_key: str = ""
    supervisor: Supervisor = "process"
    unit: str = ""
    user: str = ""
    seen_at: float = 0.0
