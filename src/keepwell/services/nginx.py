"""nginx: a reverse proxy, and how it hands on what engines stream."""

from __future__ import annotations

import contextlib
import fnmatch
import itertools
from collections.abc import Sequence

from keepwell.core.errors import AccessError
from keepwell.core.observation import Value, failed
from keepwell.formats.nginx import ProxiedLocation, find_includes, parse_nginx
from keepwell.plugins.services import ServiceKind, ServiceSite, Sign, Told, VersionSource
from keepwell.transport.base import Transport

NAME = "service.proxied"
#: Files that are read at most: a machine with hundreds of sites keeps one file for each.
FILES = 100
#: Bytes of one file; written by hand they are some thousands.
FILE_BYTES = 512 * 1024
USUAL = "/etc/nginx/nginx.conf"


async def read_locations(site: ServiceSite, transport: Transport) -> Sequence[Told]:
    """service.proxied: every location with a proxy_pass, with what is in force there, from the files."""
    path = config_path(site.argv)
    try:
        files = await _read_all(transport, path, site.root)
    except AccessError as error:
        return [(NAME, failed(error), path)]
    rows: tuple[Value, ...] = tuple(_row(one) for one in parse_nginx(path, files))
    return [(NAME, rows, path)]


def config_path(argv: Sequence[str]) -> str:
    """The file that `-c` names in a command line (also in a process title), else the usual one."""
    words = " ".join(argv).split()
    for flag, value in itertools.pairwise(words):
        if flag == "-c" and value.startswith("/"):
            return value
    return USUAL


async def _read_all(transport: Transport, path: str, root: str) -> dict[str, str]:
    """The file and those that it includes, as far as this user may read them. Raises AccessError for the first."""
    folder = path.rpartition("/")[0]
    files = {path: await _text(transport, root + path)}
    waiting = list(find_includes(files[path], folder))
    while waiting and len(files) < FILES:
        for one in await _matching(transport, waiting.pop(0), root):
            if one not in files and len(files) < FILES:
                with contextlib.suppress(AccessError):
                    files[one] = await _text(transport, root + one)
                    waiting += find_includes(files[one], folder)
    return files


async def _text(transport: Transport, path: str) -> str:
    return (await transport.read(path, max_bytes=FILE_BYTES)).decode("utf-8", "replace")


async def _matching(transport: Transport, pattern: str, root: str) -> list[str]:
    folder, _, name = pattern.rpartition("/")
    if "*" not in name and "?" not in name:
        return [pattern]
    try:
        return [f"{folder}/{one}" for one in await transport.list(root + folder) if fnmatch.fnmatchcase(one, name)]
    except AccessError:
        return []


def _row(one: ProxiedLocation) -> dict[str, Value]:
    return {
        "server": one.server,
        "location": one.location,
        "upstream": one.upstream,
        "buffering": one.buffering,
        "read_timeout_seconds": one.read_timeout_seconds,
        "http_version": one.http_version,
        "upgrades": one.upgrades,
        "file": one.file,
        "line": one.line,
    }


SERVICE = ServiceKind(
    title="nginx",
    ports=(80, 8081),
    signs=(Sign(path="/", status=tuple(range(200, 600)), header=r"^server: (nginx|openresty)"),),
    titles=(r"^nginx: (master|worker) process",),
    programs=("nginx",),
    units=("nginx",),
    images=("nginx", "nginxinc/nginx-unprivileged", "jc21/nginx-proxy-manager", "linuxserver/swag"),
    fronts=True,
    version=VersionSource(path="/", pattern=r"^server: (?:nginx|openresty)/([\d.]+)", header=True),
    chain=read_locations,
)
