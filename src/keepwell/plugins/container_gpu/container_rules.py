"""What is wrong in a system container's settings: rules for other majors, entries that come to nothing, half a GPU."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from keepwell.plugins.container_gpu.ground import Asked, Ground, Mistake
from keepwell.plugins.container_gpu.system_container import (
    ALLOW,
    DEVICE_KEY,
    MOUNT,
    OLD_ALLOW,
    Line,
    find_mount,
    let_in,
    lets_in,
    nodes_of,
    parse_container,
    path_of,
    replace_key,
    replace_value,
    stale_rules,
    with_rule,
)
from keepwell.plugins.device_sharing import Maker


def find_container_mistakes(text: str, ground: Ground) -> Iterator[Mistake]:
    """Every mistake; nothing for a container that names no GPU at all: it may be meant so."""
    lines = parse_container(text)
    for one in lines:
        if one.key == OLD_ALLOW:
            words = "a rule for cgroup version 1, which version 2 does not read: nothing is let in"
            yield Mistake(kind="cgroup-v1", line=one.line, words=words, mended=replace_key(text, one, ALLOW))
        if one.key == MOUNT and one.value.startswith("/dev/"):
            yield from _find_entry_mistakes(text, one, ground)
    yield from _find_wrong_majors(text, lines, ground)
    for maker in ground.makers:
        yield from _find_halves(text, lines, maker, ground)


def _find_entry_mistakes(text: str, one: Line, ground: Ground) -> Iterator[Mistake]:
    """Fields of an entry (fstab(5)): what, where (relative to the container's root), type, options."""
    fields = one.value.split()
    if len(fields) < 4:
        return
    source, target, options = fields[0], fields[1], fields[3]
    if target.startswith("/"):
        words = f"the target {target} must be relative to the container's root: {target[1:]}"
        mended = replace_value(text, one, one.value.replace(f" {target} ", f" {target.lstrip('/')} ", 1))
        yield Mistake(kind="absolute-target", line=one.line, words=words, mended=mended)
    folders = {str(PurePosixPath(node).parent) for node in ground.device_nodes} - {"/dev"}
    wanted = {"create=file": source in ground.device_nodes, "create=dir": source in folders}
    rest = [word for word in options.split(",") if not word.startswith("create=")]
    for option in [name for name, right in wanted.items() if right and name not in options.split(",")]:
        words = f"without {option} there is nothing to bind {source} to in the container's own /dev"
        mended = replace_value(text, one, one.value.replace(options, ",".join([*rest, option]), 1))
        yield Mistake(kind="nothing-to-bind-to", line=one.line, words=words, mended=mended)
    if ground.device_nodes and not any(wanted.values()) and _is_some_gpu(source, ground):
        words = f"{source} is not there; `optional` hides that: make the node before the container starts"
        yield Mistake(kind="node-missing", line=one.line, words=words, weight="warning")


def _find_wrong_majors(text: str, lines: tuple[Line, ...], ground: Ground) -> Iterator[Mistake]:
    """A node that is brought in, and no rule that lets its major number in: EPERM when it is opened."""
    stale, told = stale_rules(lines, ground), set()
    for node, device in sorted(ground.device_nodes.items()):
        major, entry = device.partition(":")[0], find_mount(lines, node)
        if entry is None or not device or lets_in(lines, device) or major in told:
            continue
        told.add(major)
        line, kind = entry.line, "no-rule"
        words = f"{node} is brought in, and no rule lets its major number {major} in"
        if stale:
            line, kind = stale[0].line, "wrong-major"
            words = f"{node} has the major number {major} now, the rule is for {stale[0].value}"
        yield Mistake(kind=kind, line=line, words=words, mended=with_rule(text, node, ground))


def _find_halves(text: str, lines: tuple[Line, ...], maker: Maker, ground: Ground) -> Iterator[Mistake]:
    """Nodes that all devices of the maker need beside their own, and nodes that a container may not open."""
    named = {node: one for one in lines for node in _nodes_in(one, maker, ground)}
    shared = [rule.example for rule in maker.nodes if rule.required and "\\d" not in rule.pattern]
    for node in shared:
        if named and node in ground.device_nodes and node not in named:
            words = f"{', '.join(sorted(named))} without {node}: nothing can compute"
            line = min(one.line for one in named.values())
            yield Mistake(kind="half", line=line, words=words, mended=let_in(text, node, ground))
    private = any(one.key == "unprivileged" and one.value == "1" for one in lines)
    mapped = any(one.key in ("lxc.idmap", "lxc.id_map") for one in lines)
    for node in sorted(ground.guarded & named.keys()):
        if private and not mapped and named[node].key == MOUNT:
            words = f"unprivileged, it sees {node} as nobody's and cannot open it: use devN with gid, or lxc.idmap"
            yield Mistake(kind="nobodys", line=named[node].line, words=words, weight="warning")


def _nodes_in(one: Line, maker: Maker, ground: Ground) -> list[str]:
    """The maker's nodes that a setting brings in."""
    mine = nodes_of(Asked(maker=maker), ground)
    if DEVICE_KEY.match(one.key):
        return [node for node in mine if node == path_of(one)]
    return [node for node in mine if find_mount((one,), node) is not None]


def _is_some_gpu(source: str, ground: Ground) -> bool:
    pure = PurePosixPath(source)
    rules = [rule for maker in ground.makers for rule in maker.nodes if rule.folder == str(pure.parent)]
    return any(re.fullmatch(rule.pattern, pure.name) for rule in rules)
