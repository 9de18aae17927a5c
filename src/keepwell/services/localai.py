"""LocalAI: an OpenAI-compatible server of many backends; found here as a service, its models as an engine's."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign, VersionSource

SERVICE = ServiceKind(
    title="The LocalAI server",
    ports=(8080,),
    signs=(Sign(path="/", body=r"<title>[^<]{0,60}LocalAI|\"ModelsConfig\"|LocalAI API"),),
    programs=("local-ai",),
    units=("local-ai",),
    images=("(localai|go-skynet)/local-?ai",),
    health=Sign(path="/readyz"),
    version=VersionSource(path="/version", pattern=r'"version":\s*"v?([^" ]+)'),
    over_engine=True,
)
