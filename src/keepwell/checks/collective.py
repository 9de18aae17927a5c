"""Engines that split a model: do ranks fit GPUs and model, use the right network, and have shared memory?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import node
from keepwell.core.values import find_number, row_of, rows_of, text_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at
from keepwell.plugins.networks import Network, find_interface, find_network, list_networks, wished_network
from keepwell.plugins.speeds import number_of

#: What Docker gives a container without --shm-size, and what ranks need at least: NCCL takes 33 MB a pair, the
#: engine's own queues up to some 200 MB.
DOCKER_BYTES = 64 * 1024 * 1024
LEAST_BYTES = 1024 * 1024 * 1024
#: Share of /dev/shm that must be free.
FREE_RATIO = 0.05
#: Switches NCCL's InfiniBand transport off (NCCL's user guide, "Environment variables").
IB_SWITCH = "NCCL_IB_DISABLE"
#: Kinds of interfaces that lead to no other node.
INWARD = frozenset({"loopback", "bridge", "virtual"})


def judge_ranks(seen: Seen) -> Iterator[Finding]:
    """Bad when the ranks of one node are more than its GPUs, or do not divide the model's heads. An engine on a node
    without any GPU computes on the processor, or other checks say why it finds none.
    """
    for one in seen.named("engine.ranks"):
        row = row_of(one.value)
        tensor = int(number_of(row, "tensor"))
        world = tensor * int(number_of(row, "pipeline")) * int(number_of(row, "data"))
        if not tensor:
            continue
        heads = int(number_of(row, "heads"))
        gpus = _gpus(seen, one, row)
        status, kind, words = Status.OK, "fits", f"splits its model over {world} rank(s)"
        if heads and heads % tensor:
            status, kind = Status.CRITICAL, "heads"
            words = (
                f"splits each layer over {tensor} ranks, and the model has {heads} heads, which that does not divide"
            )
        elif gpus and world > gpus and text_of(row, "executor") != "external_launcher":
            status, kind = Status.CRITICAL, "gpus"
            words = f"wants {world} GPUs, and {gpus} are there"
        facts = {
            "kind": kind,
            "tensor": str(tensor),
            "world": str(world),
            "heads": str(heads or ""),
            "gpus": _text(gpus),
            "wished": str(_divisor(heads, gpus, tensor)),
        }
        yield _finding("collective.ranks", seen, one, status, words, facts)


def _gpus(seen: Seen, one: Observation, row: Mapping[str, Value]) -> int | None:
    """The GPUs that it may use: the cluster's where Ray starts its ranks, else this node's; None if not looked."""
    if text_of(row, "executor") == "ray":
        total = find_number(row_of(seen.value(node(one.subject.node), "ray.cluster")).get("gpus"))
        if total is None:
            return None
        return int(total)
    listed = seen.value(node(one.subject.node), "device.list")
    if isinstance(listed, Missing):
        return {"absent": 0}.get(listed.kind)
    return sum(each.get("computes") is True for each in rows_of(listed))


def _divisor(heads: int, gpus: int | None, tensor: int) -> int:
    """The largest size up to what is there and was asked for that divides the heads."""
    most = max(1, min(tensor, gpus or tensor))
    return max((size for size in range(1, most + 1) if not heads or heads % size == 0), default=1)


def judge_interface(seen: Seen) -> Iterator[Finding]:
    """Bad when a variable names an interface or an address that is not there, is down, leads nowhere, or is not the
    network that was declared for it.
    """
    for one in seen.named("engine.collective"):
        chosen = row_of(one.value)
        if not isinstance(seen.value(node(one.subject.node), "host.interfaces"), tuple):
            continue
        verdicts = list(_judge_variables(seen, one, chosen))
        if not verdicts:
            continue
        variable, value, kind, words = next((each for each in verdicts if each[2]), verdicts[0])
        wished = wished_network(seen, one.subject)
        facts = {"kind": kind or "right", "variable": variable, "value": value}
        if wished is not None:
            facts |= {"wished": wished.interface, "wished_address": wished.address, "role": wished.role}
        status = {True: Status.WARNING, False: Status.OK}[bool(kind)]
        yield _finding(
            "collective.interface", seen, one, status, words or "uses interfaces of this node for its ranks", facts
        )


def _judge_variables(seen: Seen, one: Observation, chosen: Mapping[str, Value]) -> Iterator[tuple[str, str, str, str]]:
    """Each variable with its value, what is wrong in a word, and in a sentence; both "" for nothing."""
    judges = {"interfaces": _judge_names, "addresses": _judge_address, "others": _judge_switch}
    for kind, judge in judges.items():
        row = row_of(chosen.get(kind))
        for name in row:
            value = text_of(row, name)
            if value:
                yield name, value, *judge(seen, one, name, value)


def _judge_address(seen: Seen, one: Observation, name: str, value: str) -> tuple[str, str]:
    here = find_network(seen, one.subject, value)
    wished = wished_network(seen, one.subject)
    if here is None:
        return "foreign", f"has {name}={value}, and no interface of this node has that address"
    if here.kind in INWARD and wished is not None:
        return "loopback", f"has {name}={value}, which no other node can reach"
    if wished is not None and wished.address and wished.address != value:
        return "role", f"has {name}={value}; the {wished.role} network of this node is {wished.address}"
    return "", ""


def _judge_switch(seen: Seen, one: Observation, name: str, value: str) -> tuple[str, str]:
    """InfiniBand that is switched off on a node whose declared network for ranks is InfiniBand."""
    wished = wished_network(seen, one.subject)
    if name != IB_SWITCH or value in ("0", "") or wished is None:
        return "", ""
    fast = find_interface(seen, one.subject, wished.interface)
    if fast is None or fast.kind != "infiniband":
        return "", ""
    return "ib-disabled", f"has {name}={value}; the {wished.role} network of this node, {fast.interface}, is InfiniBand"


def _judge_names(seen: Seen, one: Observation, name: str, value: str) -> tuple[str, str]:
    """NCCL takes beginnings of names, `=` for a whole one, `^` for all but these; the others take whole names."""
    if value.startswith("^"):
        return "", ""
    words = [word.partition(":")[0] for word in value.removeprefix("=").split(",") if word]
    exact = value.startswith("=") or not name.startswith("NCCL")
    found = [each for each in list_networks(seen, one.subject) if _fits(each, words, exact)]
    if not found:
        there = ", ".join(dict.fromkeys(each.interface for each in list_networks(seen, one.subject)))
        return "missing", f"has {name}={value}, and this node has {there}"
    if all(each.state == "down" for each in found):
        return "down", f"has {name}={value}, and that interface is down"
    wished = wished_network(seen, one.subject)
    if wished is not None and all(each.kind in INWARD for each in found):
        return "loopback", f"has {name}={value}, which leads to no other node"
    if wished is not None and wished.interface and wished.interface not in {each.interface for each in found}:
        role = find_interface(seen, one.subject, wished.interface)
        if role is not None:
            return "role", f"has {name}={value}; the {wished.role} network of this node is {wished.interface}"
    return "", ""


def _fits(network: Network, words: list[str], exact: bool) -> bool:
    if exact:
        return network.interface in words
    return network.interface.startswith(tuple(words))


def judge_shared_memory(seen: Seen) -> Iterator[Finding]:
    """Bad when an engine of several ranks has little shared memory, or it is full."""
    for one in seen.named("engine.shared_memory"):
        row = row_of(one.value)
        ranks = row_of(seen.value(one.subject, "engine.ranks"))
        world = number_of(ranks, "tensor") * number_of(ranks, "pipeline")
        total, free = find_number(row.get("total_bytes")), find_number(row.get("free_bytes"))
        if total is None or free is None or world <= 1:
            continue
        status, kind = Status.OK, "room"
        words = f"has {total / 2**20:.0f} MiB of shared memory for {world:.0f} ranks, {free / 2**20:.0f} free"
        if total < LEAST_BYTES:
            status, kind = Status.WARNING, "small"
        if total <= DOCKER_BYTES:
            status, kind = Status.CRITICAL, "docker-default"
            words += ": the size that a container gets without --shm-size"
        elif free < FREE_RATIO * total:
            status, kind = Status.CRITICAL, "full"
        facts = {
            "kind": kind,
            "total_bytes": f"{total:.0f}",
            "free_bytes": f"{free:.0f}",
            "path": text_of(row, "path"),
            "ranks": f"{world:.0f}",
        }
        yield _finding("collective.shared_memory", seen, one, status, words, facts)


def _finding(check: str, seen: Seen, one: Observation, status: Status, words: str, facts: Mapping[str, str]) -> Finding:
    return Finding(
        check=check,
        subject=one.subject,
        status=status,
        message=f"{engine_title(seen, one.subject)} {words}",
        facts=engine_facts(seen, one.subject, **facts),
        evidence=(one, *looked_at(seen, node(one.subject.node), "host.interfaces", "host.networks")),
    )


def _text(number: int | None) -> str:
    if number is None:
        return ""
    return str(number)


CHECKS: tuple[Check, ...] = (
    Check(
        id="collective.ranks",
        title="The model is split as its heads and the GPUs allow",
        needs=("engine.ranks", "device.list", "ray.cluster"),
        judge=judge_ranks,
        level=3,
    ),
    Check(
        id="collective.interface",
        title="Ranks use an interface that leads to the others",
        needs=("engine.collective", "host.interfaces", "host.networks"),
        judge=judge_interface,
        level=3,
    ),
    Check(
        id="collective.shared_memory",
        title="Ranks have shared memory",
        needs=("engine.shared_memory", "engine.ranks"),
        judge=judge_shared_memory,
        level=3,
    ),
)
