"""Deluge: downloads, with a web page."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign, VersionSource

SERVICE = ServiceKind(
    title="Deluge",
    ports=(8112,),
    signs=(Sign(path="/", body=r"<title>Deluge:? ?Web ?UI"),),
    programs=("deluge-web",),
    units=("deluge-web", "deluged", "deluge"),
    images=("linuxserver/deluge", "binhex/arch-deluge(vpn)?"),
    version=VersionSource(path="/", pattern=r"<title>Deluge:? ?Web ?UI ([\d.]+)"),
)
