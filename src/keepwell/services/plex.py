"""Plex Media Server: films and music; it shares the GPU with the engines when it converts."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign, VersionSource

SERVICE = ServiceKind(
    title="Plex Media Server",
    ports=(32400,),
    signs=(Sign(path="/identity", body=r"<MediaContainer[^>]*\bmachineIdentifier="),),
    programs=("Plex Media Server",),
    units=("plexmediaserver",),
    images=("plexinc/pms-docker", "linuxserver/plex"),
    version=VersionSource(path="/identity", pattern=r'<MediaContainer[^>]*\bversion="([^"]+)"'),
)
