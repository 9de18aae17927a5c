"""Can clients reach each engine: its port, its address, names, proxies, and whether it takes their Origin?"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.ref import node as node_ref
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at
from keepwell.plugins.port_holder import find_holder

_WILDCARDS = ("0.0.0.0", "::", "*")
#: A line of an access log that tells of a refused request with a browser's or client's method.
_REFUSED = re.compile(r"\|\s*403\s*\|.*\b(GET|POST|OPTIONS|HEAD|PUT|DELETE)\b")
#: What marks keepwell's own requests in an access log.
_OWN = "keepwell"


def judge_port_free(seen: Seen) -> Iterator[Finding]:
    """CRITICAL when an engine is not running and another program listens at its port."""
    for site in seen.named("engine.site"):
        ref = site.subject
        if row_of(seen.value(ref, "engine.process")):
            continue
        row = row_of(site.value)
        holder = _find_holder(seen, text_of(row, "host"), text_of(row, "port"))
        health = text_of(row_of(seen.value(ref, "engine.health")), "state")
        if holder is None or health in ("well", "loading", "asleep"):
            continue
        port = text_of(row, "port")
        facts = {**_holder_facts(seen, holder), **_advice(seen, ref, holder, port)}
        words = f"cannot have port {port}: {facts['holder_program']} (pid {facts['holder_pid']}) listens there"
        words += f"; {facts.get('holder_how', '')}" * ("holder_how" in facts)
        more = {**facts, "port": port, "wished": f"{text_of(row, 'host')}:{port}"}
        yield _finding(seen, ref, "address.port_free", Status.CRITICAL, words, more, "engine.site", "engine.health")


def _find_holder(seen: Seen, host: str, port: str) -> Mapping[str, Value] | None:
    for one in seen.named("host.sockets"):
        for row in rows_of(one.value):
            if text_of(row, "port") == port and _covers(text_of(row, "address"), host):
                return row
    return None


def _holder_facts(seen: Seen, socket: Mapping[str, Value]) -> dict[str, str]:
    pid = text_of(socket, "pid")
    for one in seen.named("host.processes"):
        for row in rows_of(one.value):
            if text_of(row, "pid") == pid and pid not in ("", "0"):
                program = " ".join(texts_of(row.get("argv"))[:3]) or text_of(row, "exe")
                return {"holder_pid": pid, "holder_program": program, "holder_user": text_of(row, "user")}
    return {"holder_pid": pid or "?", "holder_program": "a program that this user cannot see"}


def _advice(seen: Seen, ref: Ref, socket: Mapping[str, Value], port: str) -> dict[str, str]:
    """What kind of program holds it, and what its owner does; {} where the program was not seen."""
    known = find_holder(seen, node_ref(ref.node), int(find_number(socket.get("pid")) or 0))
    if known is None:
        return {}
    return {"holder_kind": known.kind, "holder_how": known.advise(port)}


def _covers(listening: str, asked: str) -> bool:
    """Whether a socket bound to `listening` takes connections to `asked`."""
    if listening in _WILDCARDS or asked in ("", *_WILDCARDS):
        return True
    if asked == "localhost":
        return listening in ("127.0.0.1", "::1")
    return listening == asked


def judge_reachable(seen: Seen) -> Iterator[Finding]:
    """CRITICAL when an engine listens, but not where it is asked for."""
    for one in seen.named("engine.listening"):
        ref = one.subject
        listening = texts_of(one.value)
        site = row_of(seen.value(ref, "engine.site"))
        if not listening or not site:
            continue
        asked = urlsplit(text_of(site, "asked") or text_of(site, "url"))
        host, port = asked.hostname or "", str(asked.port or text_of(site, "port"))
        kind = compare_addresses(host, port, listening)
        facts = {"kind": kind, "asked": f"{host}:{port}", "listening": ", ".join(listening), "port": port}
        facts |= {"asked_host": host, "asked_port": port}
        if not kind:
            yield _finding(seen, ref, "address.reachable", Status.OK, "listens where it is asked for", facts, one.name)
            continue
        words = f"listens on {facts['listening']} only, and is asked for at {facts['asked']}"
        yield _finding(seen, ref, "address.reachable", Status.CRITICAL, words, facts, one.name, "engine.site")


def compare_addresses(host: str, port: str, listening: tuple[str, ...]) -> str:
    """ "" when one of the addresses takes connections to host:port; else loopback-only, other-address or other-port."""
    pairs = [one.rpartition(":")[::2] for one in listening]
    places = [(address.strip("[]"), number) for address, number in pairs]
    if any(number == port and _covers(address, host) for address, number in places):
        return ""
    if all(_is_loopback(address) for address, _ in places) and not _is_loopback(host):
        return "loopback-only"
    if any(number == port for _, number in places):
        return "other-address"
    return "other-port"


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def judge_origin(seen: Seen) -> Iterator[Finding]:
    """WARNING when clients were refused for their Origin or Host. Refusing strangers alone is no fault."""
    for one in seen.named("engine.origin_check"):
        ref = one.subject
        row = row_of(one.value)
        if not row:
            continue
        shut = [text_of(wanted, "origin") for wanted in rows_of(row.get("expected")) if wanted.get("status") == 403]
        lines = texts_of(row_of(seen.value(ref, "log.text")).get("lines"))
        refused = [line for line in lines if _REFUSED.search(line) and _OWN not in line]
        guards = "403" in (text_of(row, "status"), text_of(row, "host_status"))
        if shut:
            words = f"refuses requests from {', '.join(shut)}, which it is expected to take"
        elif refused and guards:
            words = f"refused {len(refused)} request(s) with 403 for their Origin or Host: {refused[-1].strip()}"
        else:
            words = "refused no client for its Origin or Host"
            yield _finding(seen, ref, "address.origin", Status.OK, words, {}, one.name)
            continue
        facts = _origin_facts(seen, ref, row, shut) | {"count": str(len(refused))}
        yield _finding(seen, ref, "address.origin", Status.WARNING, words, facts, one.name, "log.text")


def _origin_facts(seen: Seen, ref: Ref, row: Mapping[str, Value], shut: list[str]) -> dict[str, str]:
    """`kind` is host where an Origin would have been taken; `wished` is the setting's value with what lacks."""
    kind = {"403": "origin"}.get(text_of(row, "status"), "host")
    setting = text_of(row, "setting")
    now = text_of(row_of(row_of(seen.value(ref, "engine.settings")).get(setting)), "value")
    wished = ",".join(dict.fromkeys([*(now.split(",") * bool(now)), *shut]))
    facts = {"kind": kind, "origin": ", ".join(shut), "status": "403", "setting": setting, "wished": wished}
    return {name: value for name, value in facts.items() if value}


#: What no proxy should ever be asked for.
LOCAL = ("localhost", "127.0.0.1", "::1")


def judge_proxy(seen: Seen) -> Iterator[Finding]:
    """WARNING when a proxy variable catches requests to an engine of this node."""
    sites = [row_of(one.value) for one in seen.named("engine.site")]
    hosts = {text_of(row, "host"): text_of(row, "url") for row in reversed(sites)} or {"127.0.0.1": ""}
    for one in seen.named("host.proxy"):
        for where, variables in row_of(one.value).items():
            subject, known = _place(seen, one, where)
            for finding in _judge_variables(one, where, row_of(variables), hosts):
                yield replace(finding, subject=subject, facts={**known, **finding.facts})


def _place(seen: Seen, one: Observation, where: str) -> tuple[Ref, dict[str, str]]:
    """Whose the variables are: an engine's own, with what is known of it, else the node's."""
    engine = next((ref for ref in seen.subjects("engine") if str(ref) == where), None)
    if engine is None:
        return one.subject, {}
    return engine, engine_facts(seen, engine)


def _judge_variables(
    one: Observation, where: str, variables: Mapping[str, Value], hosts: Mapping[str, str]
) -> Iterator[Finding]:
    """`hosts` are those of the engines, each with the address of one engine there ("" if none is known)."""
    lower = {name.lower(): (name, str(value)) for name, value in variables.items()}
    exempt = lower.get("no_proxy", ("", ""))[1]
    for wished in ("http_proxy", "all_proxy"):
        if wished not in lower:
            continue
        name, value = lower[wished]
        caught = [host for host in sorted(hosts) if not exempts(exempt, host)]
        url = next((hosts[host] for host in caught if hosts[host]), "")
        facts = {"where": where, "variable": name, "value": value, "no_proxy": exempt}
        if url:
            facts["url"] = url
        listed = [word for word in (*exempt.split(","), *LOCAL, *caught) if word]
        facts["wished"] = ",".join(dict.fromkeys(listed))
        status, words = Status.OK, f"{name} of {where} leaves local addresses alone"
        if caught:
            status = Status.WARNING
            words = (
                f"{name}={value} of {where} sends requests for {', '.join(caught)} to a proxy; NO_PROXY is '{exempt}'"
            )
        yield Finding(
            check="address.proxy", subject=one.subject, status=status, message=words, facts=facts, evidence=(one,)
        )


def exempts(no_proxy: str, host: str) -> bool:
    """Whether a NO_PROXY list takes this host out: exact names, suffixes with a dot, networks, or a star."""
    for entry in (one.strip() for one in no_proxy.split(",")):
        if entry in ("*", host) or (entry and host.endswith("." + entry.lstrip("."))):
            return True
        try:
            if "/" in entry and ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False):
                return True
        except ValueError:
            continue
    return False


def judge_names(seen: Seen) -> Iterator[Finding]:
    """CRITICAL when localhost does not resolve, or only to ::1 while every engine listens on IPv4 alone."""
    listening = [text for one in seen.named("engine.listening") for text in texts_of(one.value)]
    fourth = bool(listening) and all(not text.startswith("[") for text in listening)
    for one in seen.named("host.names"):
        for name, value in row_of(one.value).items():
            addresses = texts_of(value)
            facts = {"name": name, "addresses": ", ".join(addresses)}
            status, words = Status.OK, f"{name} is {', '.join(addresses)}"
            if not addresses:
                status, words = Status.CRITICAL, f"the name {name} does not resolve"
            elif fourth and name == "localhost" and all(":" in address for address in addresses):
                status, words = Status.WARNING, "localhost is only ::1, and every engine listens on IPv4 alone"
            yield Finding(
                check="address.names", subject=one.subject, status=status, message=words, facts=facts, evidence=(one,)
            )


def _finding(
    seen: Seen, ref: Ref, check: str, status: Status, words: str, facts: Mapping[str, str], *names: str
) -> Finding:
    return Finding(
        check=check,
        subject=ref,
        status=status,
        message=f"{engine_title(seen, ref)} {words}",
        facts=engine_facts(seen, ref, **facts),
        evidence=looked_at(seen, ref, *names),
    )


CHECKS = (
    Check(
        id="address.port_free",
        title="No other program holds an engine's port",
        needs=("engine.site", "engine.process", "host.sockets", "host.processes"),
        judge=judge_port_free,
    ),
    Check(
        id="address.reachable",
        title="An engine listens where it is asked for",
        needs=("engine.listening", "engine.site"),
        judge=judge_reachable,
    ),
    Check(
        id="address.origin",
        title="No client is refused for its Origin or Host",
        needs=("engine.origin_check", "log.text"),
        judge=judge_origin,
    ),
    Check(
        id="address.proxy",
        title="No proxy variable catches local addresses",
        needs=("host.proxy", "engine.site"),
        judge=judge_proxy,
    ),
    Check(
        id="address.names",
        title="Local names resolve",
        needs=("host.names", "engine.listening"),
        judge=judge_names,
    ),
)
