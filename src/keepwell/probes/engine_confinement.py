"""What an engine's process may not do: from /proc, and for one that systemd runs from its unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Observation, Value, failed
from keepwell.core.values import row_of, text_of
from keepwell.formats.procfs import parse_status
from keepwell.formats.systemd import parse_show
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect

#: Settings of systemd.exec(5) that an engine works under. PrivateDevices is none: it would hide the GPU.
PROPERTIES = (
    "NoNewPrivileges",
    "ProtectSystem",
    "ProtectHome",
    "PrivateTmp",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectControlGroups",
    "RestrictSUIDSGID",
)
SHOW = ("show", "--no-pager", "-p", ",".join(PROPERTIES))


class EngineConfinement:
    """Gives engine.confinement."""

    level = 1
    about: Literal["node", "engine"] = "engine"
    effect: ProbeEffect = "none"
    cost_seconds = 0.05
    gives: tuple[str, ...] = ("engine.confinement",)
    needs: tuple[str, ...] = ("engine.supervisor",)
    purpose = "audit"

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; Missing where no process serves or it cannot be read."""
        assert place.site is not None
        process = place.site.process
        if isinstance(process, Missing):
            return [place.saw("engine.confinement", process, "discovery")]
        source = f"/proc/{process.pid}/status"
        try:
            status = parse_status((await place.transport.read(source)).decode("utf-8", "replace"))
        except AccessError as error:
            return [place.saw("engine.confinement", failed(error), source)]
        found: dict[str, Value] = {"pid": process.pid, "capabilities": status.get("CapEff", "")}
        found |= {name: status[key] != "0" for name, key in _FIELDS.items() if key in status}
        unit = await _unit(place)
        if unit:
            found["unit"] = unit
        return [place.saw("engine.confinement", found, f"{source}, systemctl show")]


_FIELDS = {"no_new_privileges": "NoNewPrivs", "seccomp": "Seccomp"}


async def _unit(place: Place) -> Mapping[str, Value]:
    assert place.site is not None
    supervisor = row_of(place.seen.value(place.site.ref, "engine.supervisor"))
    if text_of(supervisor, "kind") != "systemd":
        return {}
    systemctl = {"user": ("systemctl", "--user")}.get(text_of(supervisor, "scope"), ("systemctl",))
    try:
        ran = await place.transport.run((*systemctl, *SHOW, text_of(supervisor, "unit")))
    except AccessError:
        return {}
    told = next(iter(parse_show(ran.text)), {})
    return {name: told[name] for name in PROPERTIES if name in told}


PROBE = EngineConfinement()
