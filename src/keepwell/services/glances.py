"""Glances: a small dashboard of the system (its web server is started with -w)."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign, VersionSource

SERVICE = ServiceKind(
    title="Glances",
    ports=(61208,),
    signs=(
        Sign(path="/api/4/status", body=r'"version":'),
        Sign(path="/api/3/status", body=r"Active|version"),
    ),
    programs=("glances",),
    units=("glances",),
    images=("nicolargo/glances",),
    version=VersionSource(path="/api/4/status", pattern=r'"version":\s*"([^"]+)"'),
)
