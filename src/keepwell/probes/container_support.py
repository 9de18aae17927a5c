"""Which container runtimes are there, and what hands a GPU to a container: a vendor's tool, a specification (CDI)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Observation, Value
from keepwell.core.text import escape_controls
from keepwell.plugins.bus import load_plugins
from keepwell.plugins.device import GoesIntoContainers
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.transport.base import Transport

RUNTIMES = ("docker", "podman")
#: What a runtime is asked: Docker's and Podman's own release, which only a running engine with our rights tells.
FORMATS = {"docker": "{{.Server.Version}}", "podman": "{{.Client.Version}}"}
#: Where descriptions of devices for containers lie (the Container Device Interface's two folders).
SPECIFICATIONS = ("/etc/cdi", "/var/run/cdi")
#: Folders of programs in which a vendor's tool is looked for.
FOLDERS = ("/usr/bin", "/usr/local/bin", "/run/current-system/sw/bin")
#: Seconds for a runtime: one that does not answer at once is not ready.
ASK_SECONDS = 3.0


class ContainerSupport:
    """Gives host.container_support."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.1
    gives: tuple[str, ...] = ("host.container_support",)
    needs: tuple[str, ...] = ()
    purpose = "ready"

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation."""
        runtimes = [row for name in RUNTIMES if (row := await _runtime(name, place.transport))]
        tools = [row for vendor, tool in _tools() if (row := await _tool(vendor, tool, place.transport))]
        files = [path for folder in SPECIFICATIONS for path in await _list(folder, place.transport)]
        value: Value = {
            "runtimes": tuple(runtimes),
            "wanted": tuple(vendor for vendor, _ in _tools()),
            "tools": tuple(tools),
            "specifications": tuple(files),
        }
        return [place.saw("host.container_support", value, "docker version, podman version, /etc/cdi")]


async def _runtime(name: str, transport: Transport) -> Mapping[str, Value]:
    """A row for a runtime that is installed; {} for one that is not."""
    try:
        ran = await transport.run((name, "version", "--format", FORMATS[name]), timeout_seconds=ASK_SECONDS)
    except NotThere:
        return {}
    except AccessError as error:
        return {"name": name, "version": "", "problem": escape_controls(str(error))}
    if ran.code:
        said = ran.stderr.decode("utf-8", "replace").strip()
        return {"name": name, "version": "", "problem": escape_controls(said[:300]) or f"exit code {ran.code}"}
    return {"name": name, "version": escape_controls(ran.text.strip()[:40]), "problem": ""}


def _tools() -> list[tuple[str, str]]:
    plugins = [one for one in load_plugins().values() if isinstance(one, GoesIntoContainers)]
    return [(one.title, one.container_rights.tool) for one in plugins if one.container_rights.tool]


async def _tool(vendor: str, tool: str, transport: Transport) -> Mapping[str, Value]:
    for folder in FOLDERS:
        try:
            await transport.stat(f"{folder}/{tool}")
        except AccessError:
            continue
        return {"vendor": vendor, "tool": tool, "path": f"{folder}/{tool}"}
    return {}


async def _list(folder: str, transport: Transport) -> list[str]:
    try:
        names = await transport.list(folder)
    except AccessError:
        return []
    return [f"{folder}/{escape_controls(name)}" for name in names]


PROBE = ContainerSupport()
