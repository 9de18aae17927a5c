"""A Ray cluster: does every node live, speak the same release, announce a reachable address, and have its GPUs?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen
from keepwell.core.ref import Ref, node
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at
from keepwell.plugins.networks import Network, find_network, wished_network


def judge_nodes(seen: Seen) -> Iterator[Finding]:
    """Bad when the cluster lists a node that died, or when its nodes share one address."""
    for one in seen.named("ray.cluster"):
        rows = rows_of(row_of(one.value).get("nodes"))
        if not rows:
            continue
        dead = [text_of(row, "address") for row in rows if text_of(row, "state") == "DEAD"]
        alive = [text_of(row, "address") for row in rows if text_of(row, "state") != "DEAD"]
        twice = sorted({address for address in alive if alive.count(address) > 1})
        status, words, facts = Status.OK, f"{len(alive)} node(s) of the cluster live", {"kind": "alive"}
        if dead:
            status, facts = Status.WARNING, {"kind": "dead", "address": dead[0]}
            words = f"the node {dead[0]} of the cluster died; {len(alive)} live"
        if twice:
            status, facts = Status.WARNING, {"kind": "duplicate", "address": twice[0]}
            words = f"{alive.count(twice[0])} nodes of the cluster announce one address, {twice[0]}"
        yield Finding(
            check="ray.nodes", subject=one.subject, status=status, message=words, facts=facts, evidence=(one,)
        )


def judge_versions(seen: Seen) -> Iterator[Finding]:
    """Bad when a node's daemon, or an engine that joins, has another Ray or Python than the head."""
    nodes = seen.named("ray.node")
    heads = [text_of(row_of(one.value), "version") for one in nodes if row_of(one.value).get("head") is True]
    told = [text_of(row_of(one.value), "version") for one in seen.named("ray.cluster")]
    head = next((one for one in (*heads, *told) if one), "")
    pythons = [text_of(row_of(one.value), "python") for one in nodes if row_of(one.value).get("head") is True]
    for one in nodes:
        row = row_of(one.value)
        version, python = text_of(row, "version"), text_of(row, "python")
        if row and head and version:
            pair = {"head_version": head, "version": version}
            kind = {True: "ray", False: ""}[version != head]
            if not kind and python and pythons and pythons[0] and python != pythons[0]:
                kind, pair = "python", {"head_version": pythons[0], "version": python}
            yield _version_finding(one, f"the node {one.subject.name}", kind, pair)
    for one in seen.named("engine.ranks"):
        version = text_of(row_of(one.value), "ray_version")
        if version and head:
            pair = engine_facts(seen, one.subject, head_version=head, version=version)
            kind = {True: "ray", False: ""}[version != head]
            yield _version_finding(one, engine_title(seen, one.subject), kind, pair)


def _version_finding(one: Observation, who: str, kind: str, facts: Mapping[str, str]) -> Finding:
    words = {"ray": "Ray", "python": "Python"}.get(kind, "Ray")
    status, message = Status.OK, f"{who} has the head's releases"
    if kind:
        status = Status.CRITICAL
        message = f"{who} has {words} {facts['version']}, the cluster's head {facts['head_version']}"
    return Finding(
        check="ray.versions",
        subject=one.subject,
        status=status,
        message=message,
        facts={**facts, "kind": kind or "same"},
        evidence=(one,),
    )


def judge_demands(seen: Seen) -> Iterator[Finding]:
    """Bad when something waits for what the cluster will never have: more GPUs, or a node of an unknown address."""
    for one in seen.named("ray.cluster"):
        row = row_of(one.value)
        if not row:
            continue
        gpus = find_number(row.get("gpus")) or 0.0
        addresses = {text_of(each, "address") for each in rows_of(row.get("nodes"))}
        status, words, facts = Status.OK, "nothing waits for more than the cluster has", {"kind": "none"}
        for demand in rows_of(row.get("demands")):
            wanted, address = find_number(demand.get("gpus")) or 0.0, text_of(demand, "address")
            name, wants = text_of(demand, "name") or text_of(demand, "kind"), text_of(demand, "wants")
            if address and addresses and address not in addresses:
                status = Status.CRITICAL
                words = f"{name} waits for a node {address}; the cluster knows {', '.join(sorted(addresses))}"
                facts = {"kind": "address", "address": address, "wants": wants}
                break
            if wanted > gpus and find_number(row.get("active")):
                status = Status.CRITICAL
                words = f"{name} waits for {wanted:g} GPUs; the cluster has {gpus:g}"
                facts = {
                    "kind": "gpus",
                    "gpus": f"{gpus:g}",
                    "wanted": f"{wanted:g}",
                    "wants": wants,
                }
                break
        yield Finding(
            check="ray.demands", subject=one.subject, status=status, message=words, facts=facts, evidence=(one,)
        )


def judge_address(seen: Seen) -> Iterator[Finding]:
    """Bad when a node announces loopback, an address that it does not have, or not the declared cluster network's."""
    for one in seen.named("ray.node"):
        row = row_of(one.value)
        address = text_of(row, "address")
        if not address:
            continue
        here = find_network(seen, one.subject, address)
        wished = wished_network(seen, one.subject)
        kind, words = _judge_place(address, here, wished, row.get("head") is True, seen, one.subject)
        status = {True: Status.WARNING, False: Status.OK}[bool(kind)]
        facts = {"kind": kind or "right", "address": address}
        if wished is not None:
            facts |= {"wished": wished.address, "interface": wished.interface, "role": wished.role}
        yield Finding(
            check="ray.address",
            subject=one.subject,
            status=status,
            message=words,
            facts={name: value for name, value in facts.items() if value},
            evidence=(one, *looked_at(seen, one.subject, "host.interfaces", "host.networks")),
        )


def _judge_place(
    address: str, here: Network | None, wished: Network | None, head: bool, seen: Seen, subject: Ref
) -> tuple[str, str]:
    """What is wrong with an announced address in a word, and in a sentence; "" for nothing."""
    alone = len(rows_of(row_of(seen.value(subject, "ray.cluster")).get("nodes"))) <= 1
    if _is_loopback(address) and not (head and alone):
        return "loopback", f"Ray announces {address} of this node, which no other node can reach"
    if here is None and isinstance(seen.value(subject, "host.interfaces"), tuple) and not _is_loopback(address):
        return "foreign", f"Ray announces {address}, and no interface of this node has that address"
    if wished is not None and wished.address and wished.address != address:
        return "role", f"Ray announces {address}; the {wished.role} network of this node is {wished.address}"
    return "", f"Ray announces {address}"


def judge_gpus(seen: Seen) -> Iterator[Finding]:
    """Bad when a node promises more GPUs to the cluster than are there."""
    for one in seen.named("ray.node"):
        promised = find_number(row_of(one.value).get("gpus"))
        listed = seen.value(node(one.subject.node), "device.list")
        if promised is None or not isinstance(listed, tuple):
            continue
        there = sum(row.get("computes") is True for row in rows_of(listed))
        status, kind, words = Status.OK, "there", f"promises {promised:g} GPU(s) to the cluster, {there} are there"
        if promised > there:
            status, kind = Status.WARNING, "more"
        yield Finding(
            check="ray.gpus",
            subject=one.subject,
            status=status,
            message=f"this node {words}",
            facts={"kind": kind, "promised": f"{promised:g}", "gpus": str(there)},
            evidence=(one, *looked_at(seen, one.subject, "device.list")),
        )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


CHECKS: tuple[Check, ...] = (
    Check(id="ray.nodes", title="Every node of the cluster lives", needs=("ray.cluster",), judge=judge_nodes, level=3),
    Check(
        id="ray.versions",
        title="All nodes have one release of Ray and Python",
        needs=("ray.node", "ray.cluster", "engine.ranks"),
        judge=judge_versions,
        level=3,
    ),
    Check(
        id="ray.demands",
        title="The cluster can place what is asked of it",
        needs=("ray.cluster",),
        judge=judge_demands,
        level=3,
    ),
    Check(
        id="ray.address",
        title="A node announces an address that the others reach",
        needs=("ray.node", "host.interfaces", "host.networks"),
        judge=judge_address,
        level=3,
    ),
    Check(
        id="ray.gpus",
        title="The GPUs that a node promises are there",
        needs=("ray.node", "device.list"),
        judge=judge_gpus,
        level=3,
    ),
)
