"""Firefox in a container, with its desktop in a web page (jlesage's and linuxserver's images)."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign

SERVICE = ServiceKind(
    title="Firefox in a container",
    ports=(5800,),
    signs=(Sign(path="/", body=r"<title>[^<]{0,40}Firefox"),),
    images=("(jlesage|linuxserver|kasmweb)/firefox",),
    health=Sign(path="/", status=(200, 301, 302, 401)),
)
