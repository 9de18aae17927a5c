"""Are the node's networks as the owner declared them, and does each interface carry what it should?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, rows_of, text_of, texts_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at
from keepwell.plugins.networks import RANK_ROLES, which_network

#: A link counts as slower than declared below this share of it: cards round (2.5 Gbit/s tells 2500).
SPEED_SHARE = 0.95
#: Errors and drops count from this many and this share of all packets on: a few come with every cable and every boot.
TROUBLE_PACKETS, TROUBLE_RATIO = 1000, 0.001
#: Kinds whose errors and drops mean a cable, a card or a full queue.
_WIRED = frozenset({"ethernet", "infiniband", "wireless", "bond"})
#: The role of a network in which no client is.
_BACKSTAGE = frozenset({*RANK_ROLES, "storage"})
#: Roles of networks that clients keep off: their requests take room from ranks and disks. A fast link may be theirs.
_KEPT_FREE = frozenset({"cluster", "storage"})


def judge_present(seen: Seen) -> Iterator[Finding]:
    """WARNING when a declared network's interface or address is not on the node, or is down."""
    for one, row, interface in _declared(seen):
        name, role = text_of(row, "declared"), text_of(row, "role")
        facts = {"role": role, "declared": name, "interface": text_of(row, "interface")}
        if interface is None:
            there = ", ".join(text_of(each, "name") for each in _interfaces(seen, one.subject))
            words = f"{name}, the {role} network of this node, is not there (interfaces: {there or 'none'})"
            yield _finding(seen, one, "network.present", words, {**facts, "kind": "missing"})
        elif text_of(interface, "state") == "down":
            words = f"{text_of(interface, 'name')}, the {role} network of this node, is down"
            yield _finding(seen, one, "network.present", words, {**facts, "kind": "down"})
        else:
            yield _finding(
                seen, one, "network.present", f"the {role} network is up", {**facts, "kind": "up"}, Status.OK
            )


def judge_speed(seen: Seen) -> Iterator[Finding]:
    """WARNING when a declared network's link was negotiated slower than declared, or at half duplex."""
    for one, row, interface in _declared(seen):
        wished = find_number(row.get("mbit_per_s"))
        if interface is None or text_of(interface, "state") == "down":
            continue
        speed, duplex = find_number(interface.get("mbit_per_s")), text_of(interface, "duplex")
        facts = {
            "role": text_of(row, "role"),
            "interface": text_of(interface, "name"),
            "mbit_per_s": text_of(interface, "mbit_per_s"),
            "wished_mbit_per_s": text_of(row, "mbit_per_s"),
        }
        name = f"{facts['interface']} ({facts['role']})"
        if duplex == "half":
            yield _finding(seen, one, "network.speed", f"{name} runs at half duplex", {**facts, "kind": "half-duplex"})
        elif wished is None or speed is None:
            continue
        elif speed < SPEED_SHARE * wished:
            words = f"{name} was negotiated at {speed:g} Mbit/s, and {wished:g} were declared: cable, port or switch"
            yield _finding(seen, one, "network.speed", words, {**facts, "kind": "slower"})
        else:
            yield _finding(
                seen, one, "network.speed", f"{name} runs at {speed:g} Mbit/s", {**facts, "kind": "well"}, Status.OK
            )


def judge_mtu(seen: Seen) -> Iterator[Finding]:
    """WARNING when an interface has another MTU than the bridge or bond that it is part of: large packets vanish."""
    for one in seen.named("host.interfaces"):
        rows = {text_of(row, "name"): row for row in rows_of(one.value)}
        for name, row in rows.items():
            master = rows.get(text_of(row, "master"))
            if master is None or not row.get("mtu") or row.get("mtu") == master.get("mtu"):
                continue
            facts = {
                "interface": name,
                "mtu": text_of(row, "mtu"),
                "master": text_of(row, "master"),
                "master_mtu": text_of(master, "mtu"),
            }
            words = f"{name} has MTU {facts['mtu']}, and {facts['master']}, which it is part of, {facts['master_mtu']}"
            yield _finding(seen, one, "network.mtu", words, facts)


def judge_errors(seen: Seen) -> Iterator[Finding]:
    """WARNING when an interface lost or broke more packets than a few since it was made."""
    for one in seen.named("host.interfaces"):
        for row in rows_of(one.value):
            packets, bad = find_number(row.get("packets")) or 0.0, _lost(row)
            if text_of(row, "kind") not in _WIRED or bad < TROUBLE_PACKETS or bad < TROUBLE_RATIO * packets:
                continue
            facts = {
                "interface": text_of(row, "name"),
                "errors": text_of(row, "errors"),
                "drops": text_of(row, "drops"),
                "packets": f"{packets:.0f}",
            }
            words = (
                f"{facts['interface']} had {facts['errors']} errors and {facts['drops']} drops in "
                f"{facts['packets']} packets since it came up"
            )
            yield _finding(seen, one, "network.errors", words, facts)


def judge_role(seen: Seen) -> Iterator[Finding]:
    """WARNING when an engine listens only in a network that no client is in, on a node with a LAN that was declared."""
    for one in seen.named("engine.listening"):
        node = Ref("node", (one.subject.node,))
        roles = {text_of(row, "role") for row in rows_of(seen.value(node, "host.networks"))}
        hosts = [address.rpartition(":")[0].strip("[]") for address in texts_of(one.value)]
        used = {which_network(seen, one.subject, host) for host in hosts}
        if "lan" not in roles or not hosts or not used <= _BACKSTAGE:
            continue
        role = ", ".join(sorted(used))
        words = f"{engine_title(seen, one.subject)} listens only in the {role} network ({', '.join(hosts)})"
        yield Finding(
            check="network.role",
            subject=one.subject,
            status=Status.WARNING,
            message=f"{words}: clients of the LAN cannot reach it",
            facts=engine_facts(seen, one.subject, role=role, listening=", ".join(hosts)),
            evidence=(one, *looked_at(seen, node, "host.networks", "host.interfaces")),
        )


def judge_client(seen: Seen) -> Iterator[Finding]:
    """WARNING when a service's settings lead over a network that is kept for ranks or storage, OK when none does; of
    nodes with such a network and a LAN that were declared.
    """
    for one in seen.named("service.links"):
        node = Ref("node", (one.subject.node,))
        roles = {text_of(row, "role") for row in rows_of(seen.value(node, "host.networks"))}
        if "lan" not in roles or _KEPT_FREE.isdisjoint(roles):
            continue
        used = [(row, which_network(seen, node, text_of(row, "host"))) for row in rows_of(one.value)]
        wrong = [(row, role) for row, role in used if role in _KEPT_FREE]
        title = text_of(row_of(seen.value(one.subject, "service.site")), "title") or str(one.subject)
        status, words, facts = Status.OK, f"{title} keeps off networks that are kept for others", {"title": title}
        if wrong:
            row, role = wrong[0]
            facts |= {"role": role, "url": text_of(row, "url"), "setting": text_of(row, "setting")}
            status = Status.WARNING
            words = f"{title} goes to {facts['url']} ({facts['setting']}) over the {role} network, not over the LAN"
        yield Finding(
            check="network.client",
            subject=one.subject,
            status=status,
            message=words,
            facts={name: text for name, text in facts.items() if text},
            evidence=(one, *looked_at(seen, node, "host.networks", "host.interfaces")),
        )


def _lost(row: Mapping[str, Value]) -> float:
    return (find_number(row.get("errors")) or 0.0) + (find_number(row.get("drops")) or 0.0)


def _declared(seen: Seen) -> Iterator[tuple[Observation, Mapping[str, Value], Mapping[str, Value] | None]]:
    """Each declared network with its interface, None where it is not there; nothing where nobody could look."""
    for one in seen.named("host.networks"):
        rows = {text_of(row, "name"): row for row in _interfaces(seen, one.subject)}
        for row in rows_of(one.value):
            yield one, row, rows.get(text_of(row, "interface"))


def _interfaces(seen: Seen, node: Ref) -> tuple[Mapping[str, Value], ...]:
    return rows_of(seen.value(node, "host.interfaces"))


def _finding(
    seen: Seen,
    one: Observation,
    check: str,
    words: str,
    facts: Mapping[str, str],
    status: Status = Status.WARNING,
) -> Finding:
    return Finding(
        check=check,
        subject=one.subject,
        status=status,
        message=words,
        facts={name: value for name, value in facts.items() if value} | {"node": one.subject.name},
        evidence=(one, *looked_at(seen, one.subject, "host.interfaces")),
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="network.present",
        title="Declared networks are there and up",
        needs=("host.networks", "host.interfaces"),
        judge=judge_present,
        level=2,
    ),
    Check(
        id="network.speed",
        title="Links are as fast as declared",
        needs=("host.networks", "host.interfaces"),
        judge=judge_speed,
        level=2,
    ),
    Check(
        id="network.mtu",
        title="Parts of a bridge or bond have its MTU",
        needs=("host.interfaces",),
        judge=judge_mtu,
        level=2,
    ),
    Check(
        id="network.errors",
        title="Interfaces lose few packets",
        needs=("host.interfaces",),
        judge=judge_errors,
        level=2,
    ),
    Check(
        id="network.role",
        title="Engines listen where their clients are",
        needs=("host.networks", "host.interfaces", "engine.listening"),
        judge=judge_role,
        level=2,
    ),
    Check(
        id="network.client",
        title="Clients keep off networks that are kept for ranks and storage",
        needs=("host.networks", "host.interfaces", "service.links"),
        judge=judge_client,
        level=2,
    ),
)
