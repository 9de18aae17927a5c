"""Who uses a machine: the names that its own texts give away, so that they are masked wherever they stand.

System accounts stay: a diagnosis needs to know that the server runs as its own user. So do the accounts that
images and installers make (`ubuntu`, `pi`), which name nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

#: Accounts below this number belong to the system (Debian, Fedora, Arch; macOS starts people at 501).
FIRST_PERSON = 1000
FIRST_PERSON_DARWIN = 501
LAST_PERSON = 60_000
#: Shorter names would be found inside of ordinary text: `a`, `pi`.
SHORTEST = 3
#: Accounts that name nobody.
_NOBODY = """
    root nobody daemon admin administrator user users guest test demo ubuntu debian fedora centos arch alpine pi
    vagrant docker podman runner build builder ec2-user azureuser cloud-user core opc node app www www-data public
    shared default local system service services server model models data home share lib bin python conda jovyan
    linuxbrew git svn backup operator nixbld ftp mail http https web worker workspace keepwell ray plex media none
    postgres mysql redis nginx grafana prometheus chroma deluge portainer wireguard librechat litellm gpu cuda
    engine log logs error info warning name"""
#: The same, each by itself.
NOBODY = frozenset(_NOBODY.split())
#: Names that are words of ordinary logs: they are masked in paths, variables and account files only, since
#: `max`, `mark` or `will` replaced everywhere would hide what happened.
_WORDS = """
    all any april art august batch bill cache case chance chase christian code con data dash dean dev don drew file
    force ford frank gene get grace grant guy hope host iris jack job joy june key king lane load main mark may mem
    memory miles min max new node old page part pat penny pierce port prince queue ray reed rich rob rose run rusty
    sandy scout set sky slot sol stock stone sue summer task test thread time token trace van victor ward will work
    """
ORDINARY = frozenset(_WORDS.split())

_PASSWD = re.compile(rb"^([A-Za-z_][\w.-]{0,63}):[^:\n]*:(\d{1,10}):\d{1,10}:([^:\n]*):([^:\n]*):", re.MULTILINE)
_HOME = re.compile(rb"/(?:home|Users)/([A-Za-z_][\w.-]{0,63})")
_VARIABLE = re.compile(rb"(?:^|[\0\s\"'])(?:USER|LOGNAME|SUDO_USER|USERNAME)=([A-Za-z_][\w.-]{0,63})", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Account names and full names of people, and the host names to mask (none unless asked for), as bytes."""

    users: frozenset[bytes] = frozenset()
    full_names: frozenset[bytes] = frozenset()
    hosts: frozenset[bytes] = frozenset()


def learn_people(texts: Iterable[bytes], hosts: Iterable[str] = (), keep: Iterable[str] = ()) -> People:
    """The people that these texts name: accounts of /etc/passwd, home folders, USER= of environments.

    `keep` are words that a diagnosis reads, in lower case: an account that is called like one is masked in paths,
    variables and account files only, a host that is called like one is not masked.
    """
    users: set[bytes] = set()
    full_names: set[bytes] = set()
    system: set[bytes] = set()
    for text in texts:
        for name, number, about, home in _PASSWD.findall(text):
            if not _is_person(int(number), home):
                system.add(name)
                continue
            users.add(name)
            full_names.add(about.split(b",")[0].strip())
        users.update(_HOME.findall(text))
        users.update(_VARIABLE.findall(text))
    nobody = {name.encode() for name in NOBODY | ORDINARY | frozenset(keep)}
    return People(
        users=frozenset(one for one in users - system if one.lower() not in nobody and len(one) >= SHORTEST),
        full_names=frozenset(one for one in full_names - users if one.lower() not in nobody and len(one) >= SHORTEST),
        hosts=frozenset(
            one.encode()
            for one in hosts
            if len(one) >= SHORTEST and one.lower().encode() not in nobody | {b"localhost"}
        ),
    )


def _is_person(number: int, home: bytes) -> bool:
    if home.startswith(b"/Users/"):
        return number >= FIRST_PERSON_DARWIN
    return FIRST_PERSON <= number < LAST_PERSON
