"""What is set: keepwell.toml as it was read, keys without their secrets, and how the hub's parts are doing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from keepwell.config.load import CONFIG_BYTES
from keepwell.core.errors import NotPermitted
from keepwell.gateway.choice.ask import PRIORITIES
from keepwell.store.keys import load_keys
from keepwell.web.page import Page, Shown, Visit
from keepwell.web.settled import list_settings

#: Characters of a key's digest that are shown.
DIGEST = 12


async def show(visit: Visit) -> Shown:
    """The page, for who is on this machine or may change; a key that may read shows nothing of the owner's files."""
    if not visit.may_change and visit.visitor.known_by != "local":
        raise NotPermitted("settings are for who may change things", hint="sign in with a key made with admin=yes")
    hub = visit.hub
    config = hub.wiring.config
    text = await asyncio.to_thread(_read, config.path)
    data = {
        "sections": list_settings(config, text),
        "file": str(config.path or ""),
        "state": str(hub.state),
        "keys": load_keys(hub.state),
        "digest": DIGEST,
        "priorities": {worth: name for name, worth in PRIORITIES.items()},
        "standings": [hub.standings[name] for name in sorted(hub.standings)],
        "series": hub.table.count,
    }
    return Shown(template="settings.html", data=data)


def _read(path: Path | None) -> str:
    """The file as it is now; "" where it cannot be read: the values in force are shown then without their lines."""
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            return file.read(CONFIG_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


PAGES = (Page(path="/settings", title="Settings", show=show, place=1, group="here"),)
