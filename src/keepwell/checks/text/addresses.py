"""The address that was asked against those that are listened on."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from keepwell.checks.text.rows import Row, number_of, rows_named, tell
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen
from keepwell.core.values import text_of

CHECK = "text.address"
_WILDCARDS = frozenset({"0.0.0.0", "::", "*"})
#: Names that container engines give the machine that they run on, and the beginnings of their bridges' addresses.
_HOST_NAMES = frozenset({"host.docker.internal", "host.containers.internal", "gateway.docker.internal"})
_BRIDGE = re.compile(r"172\.(1[6-9]|2\d|3[01])\.|10\.0\.2\.2$|192\.168\.65\.")
#: What is wrong, most telling first.
_RANK = ("loopback-only", "own-loopback", "family", "published-loopback", "dropped", "other-port", "answers-locally")


def judge_address(seen: Seen) -> Iterator[Finding]:
    """Bad when an address was asked in vain and the text shows a listener elsewhere; OK where one listens there."""
    asked = [row for row in rows_named(seen, "text.asked") if text_of(row, "result") in ("refused", "silent")]
    found = [one for row in asked for one in _judge(row, seen)]
    bad = sorted((one for one in found if one.bad), key=_rank)
    yield from (bad or found)[:1]


#: Paths of OpenAI's form, which lie below /v1; and prefixes that two settings add twice or mix up.
_BARE = re.compile(r"^/(?:chat/completions|completions|embeddings|models|responses)/?$")
_TWICE = re.compile(r"^/(?:v1/v1|api/v1|v1/api|api/api)/|/v1/(?:chat/completions/v1|models/v1)|/chat/completions/chat/")


def judge_path(seen: Seen) -> Iterator[Finding]:
    """Bad when a path was answered with 404 or 405 that lacks the API's prefix, or has it twice."""
    for row in rows_named(seen, "text.asked", result="answered"):
        path, status = text_of(row, "path"), number_of(row, "status")
        kind = ""
        if _TWICE.search(path):
            kind = "prefix-twice"
        elif _BARE.match(path):
            kind = "no-prefix"
        if kind and status in (404, 405):
            words = f"{path} was asked for and not found: the address lacks the API's prefix, or has it twice"
            facts = {"kind": kind, "path": path, "port": number_of(row, "port"), "host": text_of(row, "host")}
            yield tell("text.path", Status.WARNING, words, [row], seen, **facts)
            return


def _judge(asked: Row, seen: Seen) -> Iterator[Finding]:
    host, port, result = text_of(asked, "host"), number_of(asked, "port"), text_of(asked, "result")
    listening = rows_named(seen, "text.listening")
    same = [row for row in listening if number_of(row, "port") == port]
    covering = [row for row in same if _covers(text_of(row, "address"), host)]
    facts = {"asked": f"{host}:{port}", "asked_host": host, "port": port, "result": result}
    facts["listening"] = ", ".join(f"{text_of(row, 'address')}:{number_of(row, 'port')}" for row in same)
    if _is_loopback(host) and text_of(asked, "from") == "container" and result == "refused":
        words = f"{host}:{port} was asked inside a container, where it is the container itself"
        yield tell(CHECK, Status.WARNING, words, [asked], seen, kind="own-loopback", **facts)
    elif same and not covering:
        yield _not_covered(asked, same, seen, facts)
    elif covering and result == "silent" and not _is_loopback(host):
        words = f"{host}:{port} is listened on, and asking it got no answer at all: something drops it on the way"
        yield tell(CHECK, Status.WARNING, words, [asked, *covering], seen, kind="dropped", **facts)
    elif not same:
        yield from _elsewhere(asked, listening, seen, facts)


def _not_covered(asked: Row, same: list[Row], seen: Seen, facts: dict[str, object]) -> Finding:
    host = text_of(asked, "host")
    addresses = [text_of(row, "address") for row in same]
    kind = "other-address"
    if _is_loopback(host) and all(_is_loopback(one) for one in addresses):
        kind = "family"
    elif all(_is_loopback(one) for one in addresses):
        kind = "loopback-only"
        if any(number_of(row, "inner_port") for row in same):
            kind = "published-loopback"
    words = f"{facts['asked']} was asked, and {facts['listening']} is listened on"
    return tell(CHECK, Status.WARNING, words, [asked, *same], seen, kind=kind, **facts)


def _elsewhere(asked: Row, listening: list[Row], seen: Seen, facts: dict[str, object]) -> Iterator[Finding]:
    """Nobody is shown to listen at this port: it may answer at another address, or listen at another port."""
    host, port = text_of(asked, "host"), number_of(asked, "port")
    answered = [row for row in rows_named(seen, "text.asked", result="answered") if number_of(row, "port") == port]
    local = [row for row in answered if _is_loopback(text_of(row, "host"))]
    if local and not _is_loopback(host):
        kind = {"refused": "answers-locally"}.get(text_of(asked, "result"), "dropped")
        words = f"port {port} answers on {text_of(local[0], 'host')}, and not at {host}"
        yield tell(CHECK, Status.WARNING, words, [asked, *local], seen, kind=kind, **facts)
        return
    near = _is_loopback(host) or host in _HOST_NAMES or bool(_BRIDGE.match(host))
    programs = [row for row in listening if not number_of(row, "inner_port")]
    ports = {number_of(row, "port") for row in programs}
    if near and text_of(asked, "result") == "refused" and len(ports) == 1:
        words = f"port {port} was asked, and the server listens at port {ports.copy().pop()}"
        facts["listening"] = str(ports.copy().pop())
        yield tell(CHECK, Status.WARNING, words, [asked, *programs], seen, kind="other-port", **facts)


def _covers(listening: str, asked: str) -> bool:
    """Whether a socket bound to `listening` takes connections to `asked`; a name may mean any address here."""
    if listening in _WILDCARDS:
        return True
    if asked == "localhost":
        return _is_loopback(listening)
    if _is_loopback(listening):
        return asked == listening
    return asked == listening or not _is_address(asked)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(text: str) -> bool:
    if text == "localhost":
        return True
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _rank(one: Finding) -> int:
    kind = one.facts.get("kind", "")
    if kind in _RANK:
        return _RANK.index(kind)
    return len(_RANK)
