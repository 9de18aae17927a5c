"""What is known of an engine as data: a TOML file beside its plug-in, read once when the plug-in is loaded.

title = "..."
specificity = 10
ports = [11434]
programs = ["..."]
service_names = ["..."]
follow_ups = ["regular expression of a line that tells of an earlier error"]
first_lines = ["words of a line with which each run begins"]

[settings]
NAME = {kind = "duration", default = "5m", flag = "--flag", since = "0.5.13", until = "0.24", help = "..."}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from keepwell.core.errors import ConfigurationError
from keepwell.plugins.engine import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineData:
    """The plain facts of an engine; fields as in `keepwell.plugins.engine.Engine`.

    `also_read` are names of variables that it reads and that carry no meaning here; `first_lines` are words of lines
    with which each run begins (see `keepwell.plugins.engine.BeginsRuns`); `dialects` are the wire formats it speaks,
    `later_dialects` those that it speaks since the release beside them.
    """

    title: str
    specificity: int
    ports: tuple[int, ...]
    programs: tuple[str, ...]
    service_names: tuple[str, ...]
    settings: tuple[Setting, ...]
    follow_ups: tuple[str, ...]
    also_read: tuple[str, ...] = ()
    first_lines: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    later_dialects: Mapping[str, str] = field(default_factory=dict)


def load_engine_data(path: Path) -> EngineData:
    """Read the file; ConfigurationError with its path for anything that does not fit."""
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=_File)
        settings = [msgspec.convert({"name": name, **one}, Setting) for name, one in found.settings.items()]
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(f"the data of an engine cannot be read: {error}", where=str(path)) from error
    return EngineData(
        title=found.title,
        specificity=found.specificity,
        ports=found.ports,
        programs=found.programs,
        service_names=found.service_names,
        settings=tuple(settings),
        follow_ups=found.follow_ups,
        also_read=found.also_read,
        first_lines=found.first_lines,
        dialects=found.dialects,
        later_dialects=found.later_dialects,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    title: str
    specificity: int
    ports: tuple[int, ...]
    programs: tuple[str, ...]
    service_names: tuple[str, ...]
    follow_ups: tuple[str, ...]
    also_read: tuple[str, ...] = ()
    first_lines: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    later_dialects: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
