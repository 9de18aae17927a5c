"""Portainer: containers in a web page."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign, VersionSource

SERVICE = ServiceKind(
    title="Portainer",
    ports=(9000, 9443),
    signs=(
        Sign(path="/api/system/status", body=r'"InstanceID":'),
        Sign(path="/api/status", body=r'"InstanceID":'),
    ),
    programs=("portainer",),
    units=("portainer",),
    images=("portainer/portainer(-ce|-ee)?",),
    version=VersionSource(path="/api/system/status", pattern=r'"Version":\s*"([^"]+)"'),
)
