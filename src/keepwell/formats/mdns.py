"""What `avahi-browse -r -p -t` prints: names that machines of a network give themselves."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(\d{3}|.)")
#: Names that are read; a large house has some dozens of machines.
NAMES = 2000


def parse_avahi(text: str) -> dict[str, str]:
    """Address to host name without ".local", from resolved lines (`=;eth0;IPv4;name;type;domain;host;address;...`).

    The first name of an address counts; other lines are left out. Never raises.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        fields = line.split(";")
        if fields[0] != "=" or len(fields) < 9 or len(found) >= NAMES:
            continue
        host = _ESCAPE.sub(_letter, fields[6]).removesuffix(".local")
        if host and host.isprintable() and "/" not in host:
            found.setdefault(fields[7], host)
    return found


def _letter(found: re.Match[str]) -> str:
    """Avahi writes an unusual byte as three decimal digits behind a backslash."""
    if found[1].isdigit() and int(found[1]) < 128:
        return chr(int(found[1]))
    return found[1] * (not found[1].isdigit())
