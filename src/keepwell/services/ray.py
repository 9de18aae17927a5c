"""Ray's dashboard: the cluster that vLLM spreads a model over with."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign, VersionSource

SERVICE = ServiceKind(
    title="Ray dashboard",
    ports=(8265,),
    signs=(Sign(path="/api/version", body=r'"ray_version":'),),
    programs=("dashboard.py",),
    units=("ray", "ray-head"),
    images=("rayproject/ray(-ml|-llm)?",),
    version=VersionSource(path="/api/version", pattern=r'"ray_version":\s*"([^"]+)"'),
)
