"""Device nodes of a container that is known by Proxmox's API: which are let in, and what is to be set. Pure.

`devN: [path=]PATH[,gid=N][,mode=OCTAL][,uid=N][,deny-write=1]` as pct.conf(5) has it since Proxmox VE 8.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keepwell.core.observation import Missing, failed
from keepwell.transport.base import Reply

_KEY = re.compile(r"dev(\d{1,3})\Z")
#: Numbers that Proxmox takes: dev0 to dev255.
LAST = 255
#: Who may let device nodes in, and the header under which an answer tells whose it is.
ROOT_USER, AS_USER = "root@pam", "keepwell-user"
#: How keys begin that the API shows and never writes.
RAW = "lxc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """A container as its API tells it: its settings (pending ones count), whether it runs, and as whom it was asked."""

    settings: Mapping[str, str]
    running: bool
    user: str
    raw: tuple[str, ...] = ()


def paths_of(node: str, container: str) -> tuple[str, str]:
    """Where its settings and its state are."""
    return f"/nodes/{node}/lxc/{container}/config", f"/nodes/{node}/lxc/{container}/status/current"


def read_managed(config: Reply | Missing, state: Reply | Missing) -> Managed | Missing:
    """From both answers; Missing with the API's own words where one is none."""
    rows: list[Mapping[str, object]] = []
    for one in (config, state):
        if isinstance(one, Missing):
            return failed(f'its API was not reached: {one.reason} (its node needs reach = "proxmox")')
        try:
            document = json.loads(one.body)
        except ValueError:
            document = None
        data = isinstance(document, dict) and document.get("data")
        if one.status != 200 or not isinstance(data, dict):
            return failed(f"its API says {one.status} {one.headers.get('reason', '')}".strip())
        rows.append(data)
    settings = {name: str(value) for name, value in rows[0].items() if isinstance(value, str | int | float)}
    raw = rows[0].get(RAW)
    lines: tuple[str, ...] = ()
    if isinstance(raw, list):
        lines = tuple(": ".join(map(str, one)) for one in raw if isinstance(one, list))
    user = ""
    if not isinstance(config, Missing):
        user = config.headers.get(AS_USER, "")
    return Managed(settings=settings, running=rows[1].get("status") == "running", user=user, raw=lines)


def find_nodes(managed: Managed) -> Mapping[str, str]:
    """The device nodes that are let in by keys, and the key of each."""
    return {path_of(value): key for key, value in sorted(managed.settings.items()) if _KEY.match(key)}


def find_change(managed: Managed, devices: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The keys to set, so that each device is let in with the options that were wished for it; () where all are. Values
    are written as Proxmox writes them itself: the node, then options by name.

    Raises ValueError where no key is left.
    """
    there = find_nodes(managed)
    free = iter([name for name in (f"dev{number}" for number in range(LAST + 1)) if name not in managed.settings])
    found: dict[str, str] = {}
    for wished in {path_of(one): one for one in devices}.values():
        key = there.get(path_of(wished), "")
        before = options_of(managed.settings.get(key, ""))
        options = {**before, **options_of(wished)}
        if key and options == before:
            continue
        key = key or next(free, "")
        if not key:
            raise ValueError("it lets in as many devices as it can have")
        found[key] = ",".join((path_of(wished), *(f"{name}={value}" for name, value in sorted(options.items()))))
    return tuple(found.items())


def path_of(value: str) -> str:
    """The device node of a setting."""
    words = value.split(",")
    named = [one.removeprefix("path=") for one in words if one.startswith("path=")]
    return (named or [one for one in words if "=" not in one] or [""])[0]


def options_of(value: str) -> dict[str, str]:
    """What a setting says beside the node."""
    pairs = (one.partition("=") for one in value.split(","))
    return {name: text for name, equals, text in pairs if equals and name != "path"}
