"""File Browser: files over the web."""

from __future__ import annotations

from keepwell.plugins.services import ServiceKind, Sign, VersionSource

SERVICE = ServiceKind(
    title="File Browser",
    ports=(8080, 8090),
    signs=(Sign(path="/", body=r"window\.FileBrowser\s*=|<title>\s*File ?Browser"),),
    programs=("filebrowser",),
    units=("filebrowser",),
    images=("filebrowser/filebrowser", "hurlenko/filebrowser"),
    health=Sign(path="/health", body=r'"status":\s*"OK"'),
    version=VersionSource(path="/", pattern=r'\\?"Version\\?":\s*\\?"v?([\w.-]+)'),
)
