"""Open WebUI: chat in a web page, in front of one or more engines."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign, VersionSource

SERVICE = ServiceKind(
    title="Open WebUI",
    ports=(8080, 3000),
    signs=(Sign(path="/api/config", body=r'"name":\s*"[^"]*Open WebUI|"default_prompt_suggestions"|"enable_signup"'),),
    programs=("open-webui",),
    units=("open-webui",),
    images=("open-webui/open-webui", "open-webui"),
    health=Sign(path="/health", body=r'"status":\s*true'),
    version=VersionSource(path="/api/config", pattern=r'"version":\s*"([^"]+)"'),
    needs_variables=(r"_BASE_URLS?$", r"^CHROMA_HTTP_HOST$"),
)
