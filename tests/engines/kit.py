"""What tests of engines share: a site for an address, and the plug-ins under their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from keepwell.core.observation import Missing, absent
from keepwell.core.ref import engine as engine_ref
from keepwell.plugins import registry
from keepwell.plugins.engine import Engine
from keepwell.plugins.place import ServingProcess, Site

DATA = Path(__file__).with_name("data")
#: Flavour of the fake that is each plug-in's own.
OWN = {"ollama": "ollama", "vllm": "vllm", "llamacpp": "llamacpp", "openai": "openai"}


def plug_in(name: str) -> Engine:
    """The plug-in of this name."""
    return cast(Engine, registry.load("engines", name))


def site_of(name: str, url: str, *, process: ServingProcess | Missing | None = None, **more: object) -> Site:
    """A site of this plug-in at this address, without a process unless one is given."""
    made = Site(ref=engine_ref("node", name), engine=name, url=url, process=process or absent("nothing was looked for"))
    return replace(made, **more)  # type: ignore[arg-type]


def process_of(*argv: str, environment: Mapping[str, str] | None = None, **more: str) -> ServingProcess:
    """A serving process with this command line."""
    return ServingProcess(
        pid=4711,
        argv=argv,
        environment=environment if environment is not None else {"PATH": "/usr/bin"},
        user=more.get("user", "ollama"),
        uid=997,
        gid=996,
        exe=more.get("exe", ""),
        cwd=more.get("cwd", "/"),
    )


def lines_of(name: str) -> list[str]:
    """The lines of a recorded log."""
    return (DATA / name).read_text(encoding="utf-8").splitlines()
