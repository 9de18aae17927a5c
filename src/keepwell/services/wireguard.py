"""WireGuard: the way in from outside. It lives in the kernel: no process, no TCP port, only an interface."""

from __future__ import annotations

from collections.abc import Sequence

from keepwell.core.errors import AccessError
from keepwell.plugins.services import ServiceKind
from keepwell.transport.base import Transport

INTERFACES = "/sys/class/net"


async def find_interfaces(transport: Transport) -> Sequence[str]:
    """Names of the interfaces that are WireGuard's; reads small files of the kernel only."""
    try:
        names = await transport.list(INTERFACES)
    except AccessError:
        return ()
    return [name for name in names if await _is_wireguard(transport, name)]


async def _is_wireguard(transport: Transport, name: str) -> bool:
    try:
        content = await transport.read(f"{INTERFACES}/{name}/uevent")
    except AccessError:
        return False
    return b"DEVTYPE=wireguard" in content


SERVICE = ServiceKind(
    title="WireGuard",
    programs=("wireguard-go", "boringtun", "boringtun-cli"),
    units=("wg-quick@",),
    images=("linuxserver/wireguard", "(wg-easy|weejewel)/wg-easy"),
    find=find_interfaces,
)
