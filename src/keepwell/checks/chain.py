"""From the client to the engine: gateways' lists, reverse proxies' settings, and what lies beside the engines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Missing, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.plugins.facts import looked_at
from keepwell.plugins.links import LOOPBACK, split_host

Row = Mapping[str, Value]
#: Seconds for which a proxy must wait at least: the first token of a cold, large model takes minutes.
PATIENCE_SECONDS = 180.0


def judge_routes(seen: Seen) -> Iterator[Finding]:
    """Bad for a gateway that names a model which its backend, an engine that was seen, does not offer."""
    for one in seen.named("service.routes"):
        if isinstance(one.value, Missing):
            continue
        ref, wrong = one.subject, None
        for row in rows_of(one.value):
            wrong = wrong or _wrong_route(seen, ref.node, row)
        if wrong is None:
            words = f"names {len(rows_of(one.value))} models, and none that a known backend lacks"
            yield _finding(seen, ref, "chain.routes", Status.OK, words, "service.routes")
        else:
            yield _finding(seen, ref, "chain.routes", Status.WARNING, wrong[0], "service.routes", **wrong[1])


def _wrong_route(seen: Seen, node: str, row: Row) -> tuple[str, dict[str, str]] | None:
    base = text_of(row, "api_base")
    engine = find_engine(seen, node, base)
    name = text_of(row, "name")
    facts = {"name": name, "model": text_of(row, "model"), "backend": base}
    if engine is None:
        return None
    offered = {text_of(one, "name") for one in rows_of(seen.value(engine, "engine.models"))}
    asked = text_of(row, "model").partition("/")[2] or text_of(row, "model")
    if not offered or asked in offered or f"{asked}:latest" in offered:
        return None
    words = f"hands {name} on to {base} as {asked}, which that engine does not offer"
    return words, {"kind": "unknown-model", "asked": asked, "offered": ", ".join(sorted(offered))[:300], **facts}


def find_engine(seen: Seen, node: str, url: str) -> Ref | None:
    """The engine of this node at an address that names it by loopback, its own host, or the node's name."""
    host, port = split_host(url)
    for one in seen.named("engine.site"):
        site = row_of(one.value)
        here = host in LOOPBACK or host in (text_of(site, "host"), node.lower()) or host.endswith(".docker.internal")
        if one.subject.node == node and find_number(site.get("port")) == port and here:
            return one.subject
    return None


def judge_buffering(seen: Seen) -> Iterator[Finding]:
    """WARNING for a reverse proxy that collects what an engine (or a service before it) streams."""
    for ref, rows in _proxied(seen):
        wrong = [row for row in rows if row.get("buffering") is True]
        if wrong:
            words = f"collects answers of {text_of(wrong[0], 'upstream')} before it passes them on ({_where(wrong[0])})"
            facts = _location(wrong[0]) | {"kind": "buffering"}
            yield _finding(seen, ref, "chain.buffering", Status.WARNING, words, "service.proxied", **facts)
        else:
            words = "passes streams of engines on at once"
            yield _finding(seen, ref, "chain.buffering", Status.OK, words, "service.proxied")


def judge_patience(seen: Seen) -> Iterator[Finding]:
    """WARNING for a reverse proxy that gives up before a cold model can answer."""
    for ref, rows in _proxied(seen):
        limits = [(find_number(row.get("read_timeout_seconds")) or 0.0, row) for row in rows]
        short = [(seconds, row) for seconds, row in limits if 0 < seconds < PATIENCE_SECONDS]
        if short:
            seconds, row = short[0]
            words = f"gives up on {text_of(row, 'upstream')} after {seconds:g} s of silence ({_where(row)})"
            facts = _location(row) | {"kind": "proxy_read_timeout", "limit": f"{seconds:g}"}
            yield _finding(seen, ref, "chain.patience", Status.WARNING, words, "service.proxied", **facts)
        else:
            words = "waits long enough for engines"
            yield _finding(seen, ref, "chain.patience", Status.OK, words, "service.proxied")


def _proxied(seen: Seen) -> Iterator[tuple[Ref, list[Row]]]:
    """Proxies with locations that lead to an engine, or to a service that depends on one."""
    for one in seen.named("service.proxied"):
        rows = [row for row in rows_of(one.value) if _streams(seen, one.subject.node, text_of(row, "upstream"))]
        if rows:
            yield one.subject, rows


def _streams(seen: Seen, node: str, upstream: str) -> bool:
    if find_engine(seen, node, upstream) is not None:
        return True
    host, port = split_host(upstream)
    for one in seen.named("service.site"):
        site = row_of(one.value)
        here = host in LOOPBACK or host == text_of(site, "host")
        if one.subject.node == node and here and find_number(site.get("port")) == port:
            names = ("service.links", "service.routes")
            return any(rows_of(seen.value(one.subject, name)) for name in names)
    return False


def _where(row: Row) -> str:
    return f"{text_of(row, 'file')}:{text_of(row, 'line')}"


def _location(row: Row) -> dict[str, str]:
    return {name: text_of(row, name) for name in ("server", "location", "upstream", "file", "line")}


def judge_datasources(seen: Seen) -> Iterator[Finding]:
    """WARNING for a Grafana with a data source that does not work; UNKNOWN where a login is wanted."""
    for one in seen.named("service.datasources"):
        ref = one.subject
        if isinstance(one.value, Missing):
            yield _finding(seen, ref, "chain.datasources", Status.UNKNOWN, f"was not asked: {one.value.reason}")
            continue
        bad = [row for row in rows_of(one.value) if text_of(row, "health") == "error"]
        if bad:
            words = f"gets no answer from data source {text_of(bad[0], 'name')}: {text_of(bad[0], 'said')}"
            facts = {"kind": "error", "name": text_of(bad[0], "name"), "address": text_of(bad[0], "url")}
            yield _finding(seen, ref, "chain.datasources", Status.WARNING, words, "service.datasources", **facts)
        else:
            words = "reaches its data sources"
            yield _finding(seen, ref, "chain.datasources", Status.OK, words, "service.datasources")


def judge_chroma(seen: Seen) -> Iterator[Finding]:
    """WARNING for Chroma's clients of another line than the server: 0.x and 1.x do not understand each other."""
    for one in seen.named("service.interfaces"):
        server = text_of(row_of(one.value), "version")
        clients = rows_of(seen.value(one.subject, "service.clients"))
        offered = texts_of(row_of(one.value).get("offered"))
        wrong = [row for row in clients if _misfits(server, offered, text_of(row, "version"))]
        if wrong:
            found = f"{text_of(wrong[0], 'package')} {text_of(wrong[0], 'version')} in {text_of(wrong[0], 'where')}"
            words = f"is a server of {server}, and a program here uses {found}"
            facts = {
                "kind": "client-version",
                "server_version": server,
                "client_version": text_of(wrong[0], "version"),
                "path": text_of(wrong[0], "where"),
                "pid": text_of(wrong[0], "pid"),
            }
            names = ("service.interfaces", "service.clients")
            yield _finding(seen, one.subject, "chain.chroma", Status.WARNING, words, *names, **facts)
        elif clients and server:
            words = "and its clients here are of one line"
            yield _finding(seen, one.subject, "chain.chroma", Status.OK, words, "service.clients")


def _misfits(server: str, offered: tuple[str, ...], client: str) -> bool:
    """True for a client whose interface the server does not offer; 1.x of the client speaks v2 only."""
    first = client.partition(".")[0]
    if not server or first not in ("0", "1"):
        return False
    if first == "1":
        return "v2" not in offered
    return "v1" not in offered and server.partition(".")[0] != "0" and not client.startswith(("0.6", "0.7"))


def _finding(seen: Seen, ref: Ref, check: str, status: Status, words: str, *names: str, **facts: str) -> Finding:
    site = row_of(seen.value(ref, "service.site"))
    title = text_of(site, "title") or ref.name
    known = {"service": title, "url": text_of(site, "url"), "container": text_of(site, "container"), **facts}
    known["unit"] = text_of(site, "unit")
    return Finding(
        check=check,
        subject=ref,
        status=status,
        message=f"{title} {words}",
        facts={name: value for name, value in known.items() if value},
        evidence=looked_at(seen, ref, "service.site", *names),
    )


CHECKS = (
    Check(
        id="chain.routes",
        title="A gateway names models that its backends offer",
        needs=("service.routes", "engine.models"),
        judge=judge_routes,
        level=2,
    ),
    Check(
        id="chain.buffering",
        title="A reverse proxy passes streams on at once",
        needs=("service.proxied", "engine.site"),
        judge=judge_buffering,
        level=3,
    ),
    Check(
        id="chain.patience",
        title="A reverse proxy waits for the first token",
        needs=("service.proxied", "engine.site"),
        judge=judge_patience,
        level=3,
    ),
    Check(
        id="chain.datasources",
        title="Grafana reaches its data sources",
        needs=("service.datasources",),
        judge=judge_datasources,
        level=3,
    ),
    Check(
        id="chain.chroma",
        title="Chroma's clients fit the server",
        needs=("service.interfaces", "service.clients"),
        judge=judge_chroma,
        level=2,
    ),
)
