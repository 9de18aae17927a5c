"""A real nginx before an engine in a world, at its usual places, which are hidden from the rest of the machine."""

from __future__ import annotations

from pathlib import Path

from keepwell.testing.waiting import eventually
from keepwell.testing.world import NoWorld, World, lacking

#: Where the proxy listens.
PROXY_URL = "http://127.0.0.1:8088"
#: nginx as people set it up for an engine: nothing said about buffering, and larger buffers than usual.
LOCATION = """location / {
    proxy_pass http://127.0.0.1:11434;
    proxy_buffer_size 64k;
    proxy_buffers 16 64k;
    proxy_busy_buffers_size 512k;
}
"""
_NGINX = """events { worker_connections 64; }
http { access_log off; %s server { listen 127.0.0.1:8088; include %s; } }
"""
#: Folders that nginx writes into.
FOLDERS = ("/run", "/var/log/nginx", "/var/lib/nginx")


def start_nginx(world: World, path: str, *, location: str = LOCATION, more: str = "") -> Path:
    """Start it before an engine, whose `path` answers 200; the file of its location. NoWorld where there is none."""
    missing = lacking("nginx")
    if missing:
        raise NoWorld(missing)
    file, whole = world.root / "engine-location.conf", world.root / "nginx.conf"
    file.write_text(location)
    whole.write_text(_NGINX % (more, file))
    mounts = [["mount", "-t", "tmpfs", "tmpfs", folder] for folder in FOLDERS]
    mounts.append(["mount", "--bind", str(whole), "/etc/nginx/nginx.conf"])
    for argv in mounts:
        ran = world.run(argv)
        if ran.returncode:
            raise NoWorld(f"nginx cannot have its places: {ran.stderr.strip()}")
    world.start(["nginx", "-g", "daemon off;"], log=world.root / "nginx.log")
    eventually(lambda: world.http(PROXY_URL + path).status == 200, what="nginx before an engine")
    return file
