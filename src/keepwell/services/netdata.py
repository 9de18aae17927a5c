"""Netdata: a dashboard of the whole system."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign, VersionSource

SERVICE = ServiceKind(
    title="Netdata",
    ports=(19999,),
    signs=(Sign(path="/api/v1/info", body=r'"mirrored_hosts"|"netdata|"collectors"'),),
    programs=("netdata",),
    units=("netdata",),
    images=("netdata/netdata",),
    version=VersionSource(path="/api/v1/info", pattern=r'"version":\s*"v?([^"]+)"'),
)
