"""A service that only the drill knows."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign, VersionSource

SERVICE = ServiceKind(
    title="Drill panel",
    ports=(7778,),
    signs=(Sign(path="/panel", body="drill panel"),),
    version=VersionSource(path="/panel", pattern=r"drill panel ([\d.]+)"),
)
