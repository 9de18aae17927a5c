"""Config: what keepwell.toml declares, checked and frozen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Where a secret stands: the name of an environment variable or the path of a file; never the secret."""

    env: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEntry:
    """A machine: its label, its address (IP or name, "" for this machine) and free words to group by."""

    name: str
    address: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEntry:
    """An engine that should be there.

    `kind` is the name of its plug-in, `url` its address without a trailing slash, `node` "" for this machine.
    `name` is a label for people ("" for none). `start` is the command line that starts it; `environment_file`,
    `log` and `models_folder` are absolute paths on its node; `unit` names its service or container; `user` is
    whom it runs as. What is "" or () is left to discovery.
    """

    kind: str
    url: str
    node: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    environment_file: str = ""
    log: str = ""
    models_folder: str = ""
    unit: str = ""
    user: str = ""
    api_key: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnoseOptions:
    """How to look: the age of logs to read, the highest level of probes (1-4), and the origins (`https://chat.lan`)
    that every engine must accept.
    """

    since_seconds: float = 3600.0
    level: int = 2
    expect_origin: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that was declared; `path` is None when there is no file."""

    path: Path | None = None
    nodes: tuple[NodeEntry, ...] = ()
    engines: tuple[EngineEntry, ...] = ()
    diagnose: DiagnoseOptions = DiagnoseOptions()
