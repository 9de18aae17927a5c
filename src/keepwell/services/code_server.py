"""code-server: an editor in a web page."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign

SERVICE = ServiceKind(
    title="code-server",
    ports=(8080, 8443),
    signs=(Sign(path="/healthz", body=r'"lastHeartbeat":'),),
    programs=("code-server",),
    units=("code-server", "code-server@"),
    images=("(codercom|linuxserver)/code-server",),
)
