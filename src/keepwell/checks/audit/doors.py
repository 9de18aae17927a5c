"""Who can ask: other machines, pages of foreign sites, and who can listen to what they say."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterator, Mapping

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import Ref, node
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.plugins.advice import Advice, advise
from keepwell.plugins.facts import engine_title, looked_at, not_seen

#: What an engine says to whom it does not know.
REFUSED = frozenset({401, 403})
#: Ports on which a container runtime takes orders: 2375 from everybody, 2376 from those with a certificate.
RUNTIME_PORT = 2375
_OPEN = "anyone who reaches the port can use the GPU and, where the engine has such paths, load, pull and delete models"


def judge_keys(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for an engine that the internet can ask without a key, WARNING for one that its network can."""
    for one in seen.named("engine.key_check"):
        yield from not_seen("audit.key", seen, one)
        row = row_of(one.value)
        bare = find_number(row.get("bare_status"))
        if not row or bare is None:
            continue
        title, reach = engine_title(seen, one.subject), _reach(seen, one.subject, text_of(row, "open_to"))
        verdict = Status.OK, f"{title} is reached by this machine alone"
        if reach != "local" and int(bare) in REFUSED:
            verdict = Status.OK, f"{title} asks other machines for a key"
        elif reach == "internet":
            verdict = Status.CRITICAL, f"{title} takes requests without a key, on an address of the internet"
        elif reach == "network":
            verdict = Status.WARNING, f"{title} takes requests without a key from its whole network"
        elif not reach:
            verdict = Status.UNKNOWN, f"{title}: on which addresses it listens could not be seen"
        listening = ", ".join(texts_of(seen.value(one.subject, "engine.listening")))
        advice = Advice(
            where=f"{one.subject}, listening on {listening or text_of(_site(seen, one.subject), 'url')}",
            command=f"curl -si {_url(seen, one.subject)}/v1/models",
            why=_OPEN,
            next="let it listen on 127.0.0.1 and keepwell's gateway (which asks for keys) on the network, or start it "
            "with a key of its own where it knows keys",
            more={"kind": reach or "unknown", "status": f"{bare:.0f}"},
        )
        yield advise("audit.key", one.subject, verdict, advice, looked_at(seen, one.subject, one.name))


def judge_plain(seen: Seen) -> Iterator[Finding]:
    """WARNING for an engine that other machines ask over plain HTTP."""
    for one in seen.named("engine.key_check"):
        row = row_of(one.value)
        url = text_of(_site(seen, one.subject), "url")
        if not row or text_of(row, "open_to") not in ("network", "internet") or not url.startswith("http://"):
            continue
        keyed = int(find_number(row.get("bare_status")) or 0) in REFUSED
        what = {True: "its key, questions and answers", False: "questions and answers"}[keyed]
        title = engine_title(seen, one.subject)
        advice = Advice(
            where=f"{one.subject}, {url}",
            command=f"curl -sk -o /dev/null -w '%{{http_code}}\\n' {url.replace('http://', 'https://')}/v1/models",
            why="whoever sits on the way (Wi-Fi, a switch, another tenant) reads and changes them",
            next="put a reverse proxy with a certificate before it, or reach it through WireGuard or an SSH tunnel, "
            "and let it listen on 127.0.0.1",
        )
        words = f"{title} is asked over plain HTTP: other machines send {what} in the clear"
        evidence = looked_at(seen, one.subject, one.name)
        yield advise("audit.plain", one.subject, (Status.WARNING, words), advice, evidence)


def judge_origins(seen: Seen) -> Iterator[Finding]:
    """WARNING for an engine without a key that lets any web page read its answers."""
    for one in seen.named("engine.cors"):
        yield from not_seen("audit.origin", seen, one)
        row = row_of(one.value)
        if not row:
            continue
        title, origin, allowed = engine_title(seen, one.subject), text_of(row, "origin"), text_of(row, "allowed")
        everybody = allowed in ("*", origin)
        bare = find_number(row_of(seen.value(one.subject, "engine.key_check")).get("bare_status"))
        keyed = bare is not None and int(bare) in REFUSED
        verdict = Status.OK, f"{title} lets no foreign page read its answers"
        if everybody and keyed:
            verdict = Status.OK, f"{title} lets every page read its answers, but asks it for a key"
        elif everybody:
            verdict = Status.WARNING, f"{title} lets every web page read its answers, and asks for no key"
        advice = Advice(
            where=f"{one.subject}: Access-Control-Allow-Origin: {allowed or '(none)'}",
            command=f"curl -si -H {shlex.quote(f'Origin: {origin}')} {_url(seen, one.subject)}/v1/models",
            why="any site that somebody opens in a browser on a machine which reaches the engine can ask it and read "
            "the answer, also where it listens on 127.0.0.1 alone",
            next="allow the origins of your own pages only, give the engine a key, or let browsers reach it through "
            "keepwell's gateway",
            more={"allowed": allowed, "origin": origin},
        )
        yield advise("audit.origin", one.subject, verdict, advice, looked_at(seen, one.subject, one.name))


def judge_services(seen: Seen) -> Iterator[Finding]:
    """UNKNOWN for a service that other machines reach: whether it asks who they are is not for us to try."""
    for one in seen.named("service.site"):
        row = row_of(one.value)
        port = int(find_number(row.get("port")) or 0)
        open_on = [text_of(socket, "address") for socket in _sockets(seen, one.subject) if _is_open(socket, port)]
        title = text_of(row, "title") or one.subject.name
        if not port or not open_on:
            continue
        advice = Advice(
            where=f"{one.subject}, listening on {', '.join(f'{address}:{port}' for address in open_on)}",
            command=f"curl -si {text_of(row, 'url') or f'http://127.0.0.1:{port}'}/",
            why="a page, database or dashboard beside the engines often shows prompts, keys and files",
            next="see that it asks for a login; if nobody else needs it, let it listen on 127.0.0.1",
        )
        words = f"{title} on port {port} is reached by other machines; whether it asks who they are was not tried"
        yield advise("audit.services", one.subject, (Status.UNKNOWN, words), advice, (one,))


def judge_runtime(seen: Seen) -> Iterator[Finding]:
    """CRITICAL where a container runtime takes orders on a port that asks for no certificate."""
    for one in seen.named("host.sockets"):
        for row in rows_of(one.value):
            if not _is_open(row, RUNTIME_PORT):
                continue
            address = text_of(row, "address")
            advice = Advice(
                where=f"port {RUNTIME_PORT} of {address}",
                command=f"curl -s http://127.0.0.1:{RUNTIME_PORT}/version",
                why="whoever reaches this port can start a container that owns the node, without a password",
                next="take the tcp:// address out of the daemon's hosts and use ssh:// contexts instead",
            )
            words = f"a container runtime's port {RUNTIME_PORT} takes orders from other machines"
            yield advise("audit.runtime", one.subject, (Status.CRITICAL, words), advice, (one,))
            break


def _reach(seen: Seen, ref: Ref, open_to: str) -> str:
    """Who reaches it; an address for all is the internet's where the node has an address of its own there."""
    listening = texts_of(seen.value(ref, "engine.listening"))
    everywhere = any(one.startswith(("0.0.0.0:", "[::]:")) for one in listening)
    if open_to == "network" and everywhere and _has_public_address(seen, ref):
        return "internet"
    return open_to


def _has_public_address(seen: Seen, ref: Ref) -> bool:
    rows = rows_of(seen.value(node(ref.node), "host.interfaces"))
    return any(_is_public(one) for row in rows for one in texts_of(row.get("addresses")))


def _is_public(address: str) -> bool:
    """An IPv4 address of the internet; every home network has global IPv6 addresses, behind a firewall that says no."""
    try:
        found = ipaddress.ip_interface(address).ip
    except ValueError:
        return False
    return found.version == 4 and found.is_global


def _site(seen: Seen, ref: Ref) -> Mapping[str, Value]:
    return row_of(seen.value(ref, "engine.site"))


def _url(seen: Seen, ref: Ref) -> str:
    return text_of(_site(seen, ref), "url")


def _sockets(seen: Seen, ref: Ref) -> tuple[Mapping[str, Value], ...]:
    sockets = seen.value(node(ref.node), "host.sockets")
    if isinstance(sockets, Missing):
        return ()
    return rows_of(sockets)


def _is_open(socket: Mapping[str, Value], port: int) -> bool:
    """True for a socket of this port that other machines reach."""
    if find_number(socket.get("port")) != port:
        return False
    try:
        return not ipaddress.ip_address(text_of(socket, "address").partition("%")[0]).is_loopback
    except ValueError:
        return False
