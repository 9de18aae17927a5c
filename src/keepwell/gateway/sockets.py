"""Sockets that listen: made, given an address at once or later, and named."""

from __future__ import annotations

import socket

#: Connections that may wait to be accepted.
BACKLOG = 4096


def make_socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that listens; `shared`: beside another of ours that does. Raises OSError where it cannot."""
    made = make_unbound(host)
    try:
        bind_socket(made, host, port, shared=shared)
    except OSError:
        made.close()
        raise
    return made


def make_unbound(host: str, *, alone: bool = False) -> socket.socket:
    """A socket for an address of this family, which it has not yet."""
    family = socket.AF_INET
    if ":" in host:
        family = socket.AF_INET6
    made = socket.socket(family, socket.SOCK_STREAM)
    for option in (socket.SO_REUSEADDR, *(socket.SO_REUSEPORT,) * (not alone)):
        made.setsockopt(socket.SOL_SOCKET, option, 1)
    return made


def bind_socket(made: socket.socket, host: str, port: int, *, shared: bool = False) -> None:
    """Let it listen there; as it was where OSError is raised."""
    if not shared:  # sharing is allowed later on: now nobody else may have it
        with make_unbound(host, alone=True) as trial:
            trial.bind((host, port))
    made.bind((host, port))
    made.listen(BACKLOG)
    made.setblocking(False)


def describe_address(listening: socket.socket) -> str:
    """`host:port`, an IPv6 address in brackets."""
    host, port = listening.getsockname()[:2]
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{port}"
