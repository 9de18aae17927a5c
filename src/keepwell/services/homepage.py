"""Homepage (gethomepage): the start page of a homelab, with tiles that ask other services."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign

SERVICE = ServiceKind(
    title="Homepage",
    ports=(3000,),
    signs=(Sign(path="/api/healthcheck", body=r"^up\s*$"),),
    units=("homepage",),
    images=("(gethomepage|benphelps)/homepage",),
)
