"""Accounts of the system with their groups; accounts of people are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError
from keepwell.core.observation import Observation, Value, failed
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect

PASSWD, GROUP = "/etc/passwd", "/etc/group"
#: Accounts below this are the system's (login.defs, UID_MIN on Debian, Fedora, Arch and their kin).
FIRST_PERSON = 1000
#: Accounts that are kept; a server has about forty.
ACCOUNTS = 200


class HostAccounts:
    """Gives host.accounts."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.01
    gives: tuple[str, ...] = ("host.accounts",)
    needs: tuple[str, ...] = ()
    purpose = "ready"

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation."""
        source = f"{PASSWD}, {GROUP}"
        try:
            passwd, group = await place.transport.read(PASSWD), await place.transport.read(GROUP)
        except AccessError as error:
            return [place.saw("host.accounts", failed(error), source)]
        rows = parse_accounts(passwd.decode("utf-8", "replace"), group.decode("utf-8", "replace"))
        return [place.saw("host.accounts", rows, source)]


def parse_accounts(passwd: str, group: str) -> tuple[Mapping[str, Value], ...]:
    """Rows of host.accounts from the text of both files; lines of another shape are left out."""
    groups = [fields for fields in (line.split(":") for line in group.splitlines()) if len(fields) == 4]
    names = {fields[2]: fields[0] for fields in groups}
    found: list[Mapping[str, Value]] = []
    for fields in (line.split(":") for line in passwd.splitlines()):
        if len(fields) != 7 or not (fields[2].isdecimal() and fields[3].isdecimal()):
            continue
        if int(fields[2]) >= FIRST_PERSON:
            continue
        member = [names.get(fields[3], "")] + [one[0] for one in groups if fields[0] in one[3].split(",")]
        found.append(
            {
                "name": fields[0],
                "uid": int(fields[2]),
                "gid": int(fields[3]),
                "home": fields[5],
                "shell": fields[6],
                "groups": tuple(dict.fromkeys(name for name in member if name)),
            }
        )
    return tuple(found[:ACCOUNTS])


PROBE = HostAccounts()
