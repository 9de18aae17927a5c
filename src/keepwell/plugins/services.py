"""The contract of a known service: a file in `services/` that ends in `SERVICE: ServiceKind`.

A service is almost all data: on which ports it usually is, how it is recognised, what is asked for its health and
release, and in which variables the addresses stand that it depends on. A hook is only for what data cannot say.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from keepwell.core.observation import Missing, Value
from keepwell.formats.flags import after_program
from keepwell.plugins import registry
from keepwell.plugins.own_numbers import Teller
from keepwell.transport.base import Reply, Transport

#: Bytes of an answer that a sign is looked for in: a title stands in the first thousands of a page.
SIGN_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One GET by whose answer a service is known: the path, which statuses fit, and what must stand in it.

    `body` and `header` are regular expressions, case-insensitive; `header` is searched in lines `name: value`
    with lower-case names. "" asks for nothing.
    """

    path: str
    status: tuple[int, ...] = (200,)
    body: str = ""
    header: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSource:
    """Where the release is told: the path, and an expression whose first group is the release.

    `header` searches the header lines instead of the body.
    """

    path: str
    pattern: str
    header: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSite:
    """One service where it runs, or ought to: all that a hook gets.

    `url` is "" for one that speaks no HTTP. `pid` is 0, `unit` and `container` are "" where there is none.
    `environment` is unmasked: never observe it. `root` is the folder in which its own paths lie, "" on the node itself.
    """

    kind: str
    url: str = ""
    pid: int = 0
    unit: str = ""
    container: str = ""
    argv: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None
    root: str = ""
    api_key: str = ""


#: What a hook tells: name of the observation, value, and the exact request or path.
Told: TypeAlias = "tuple[str, Value | Missing, str]"
Chain: TypeAlias = Callable[[ServiceSite, Transport], Awaitable[Sequence[Told]]]
#: Finds services that neither listen nor show as a process: names of what was found, () for none.
Find: TypeAlias = Callable[[Transport], Awaitable[Sequence[str]]]
#: Begins to ask an exporter for the numbers that it tells of the node of this name, see `keepwell.plugins.own_numbers`.
OpenNumbers: TypeAlias = "Callable[[ServiceSite, str], Teller]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceKind:
    """A known service.

    `ports` are its usual ones, the web interface first. `programs` are names of its programs (or of scripts and
    modules behind an interpreter), `titles` expressions for processes that rename themselves. `units` are unit
    names without `.service` (`name@` for all instances of a template), `images` expressions for the end of an image's
    name without its tag.
    `signs` are tried in order. `health` is the request that tells whether it works; None: the sign does.
    `needs_variables` are expressions for variables in which addresses stand that it depends on.
    `over_engine`: also asked where only a generic engine interface was recognised. `fronts`: it hands requests on
    unchanged, so that an engine seems to be where only this service is. `numbers`: an exporter, whose page is series.
    """

    title: str
    ports: tuple[int, ...] = ()
    signs: tuple[Sign, ...] = ()
    programs: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    health: Sign | None = None
    version: VersionSource | None = None
    needs_variables: tuple[str, ...] = ()
    scheme: str = "http"
    over_engine: bool = False
    fronts: bool = False
    chain: Chain | None = None
    find: Find | None = None
    numbers: OpenNumbers | None = None

    def resembles(self, argv: Sequence[str]) -> bool:
        """True if a process with this command line is this service's (not one of its clients or log readers)."""
        if not argv:
            return False
        if any(re.search(one, argv[0]) for one in self.titles):
            return True
        return after_program(argv, self.programs) is not None

    def is_image(self, image: str) -> bool:
        """True if a container of this image (with or without registry, tag and digest) is this service."""
        name = image.partition("@")[0]
        folder, slash, last = name.rpartition("/")
        name = f"{folder}{slash}{last.partition(':')[0]}"
        return any(re.search(rf"(^|/)(?:{one})$", name, re.IGNORECASE) for one in self.images)

    def is_unit(self, unit: str) -> bool:
        """True if a unit of this name is this service's."""
        name = unit.removesuffix(".service")
        return any(name == one or (one.endswith("@") and name.startswith(one)) for one in self.units)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceWish:
    """A service that the owner declared for this node; fields as in `[[service]]`, the key already read."""

    name: str
    kind: str = ""
    url: str = ""
    tcp: str = ""
    unit: str = ""
    container: str = ""
    process: str = ""
    needs: tuple[str, ...] = ()
    api_key: str = ""


def fits(sign: Sign, reply: Reply) -> bool:
    """True if an answer shows this sign."""
    if reply.status not in sign.status:
        return False
    text = reply.body[:SIGN_BYTES].decode("utf-8", "replace")
    lines = "\n".join(f"{name}: {value}" for name, value in reply.headers.items())
    in_lines = re.search(sign.header, lines, re.IGNORECASE | re.MULTILINE)
    return bool(re.search(sign.body, text, re.IGNORECASE)) and bool(in_lines)


def read_version(source: VersionSource, reply: Reply) -> str:
    """The release in an answer, "" if it tells none."""
    text = reply.body[:SIGN_BYTES].decode("utf-8", "replace")
    if source.header:
        text = "\n".join(f"{name}: {value}" for name, value in reply.headers.items())
    found = re.search(source.pattern, text, re.IGNORECASE | re.MULTILINE)
    if found is None:
        return ""
    return found[1][:60]


@cache
def load_services() -> Mapping[str, ServiceKind]:
    """Every known service by name."""
    return {name: one for name, one in registry.load_all("services").items() if isinstance(one, ServiceKind)}
