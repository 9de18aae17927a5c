"""System containers (LXC, Proxmox): device nodes that are let in, and rules for the major numbers there really are.

`lxc.cgroup2.devices.allow` and `lxc.mount.entry` as lxc.container.conf(5) has them; `devN: PATH,mode=...` as Proxmox VE
has it since 8.1, and in its own interface since 8.2 (pct.conf(5)): it makes node, rule and owner at each start, so a
major number that changed does no harm. The major number of some nodes is given at boot (Documentation/admin-guide/
devices.txt of Linux: "dynamic"): a rule written once is wrong after a kernel or driver update. Proxmox's cluster file
system takes a file that is written beside and renamed, its own owner and mode, and times (pve-cluster, pmxcfs.c).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from keepwell.plugins.container_gpu.ground import Asked, CannotAsk, Ground

ALLOW, OLD_ALLOW, MOUNT = "lxc.cgroup2.devices.allow", "lxc.cgroup.devices.allow", "lxc.mount.entry"
#: The first release of Proxmox whose containers take devN.
DEVICE_KEYS_SINCE = (8, 1)
_PAIR = re.compile(r"\s*([A-Za-z0-9._-]+)\s*([:=])\s*(.*?)\s*\Z")
RULE = re.compile(r"c\s+(\d+|\*):(\d+|\*)\s+([rwm]+)\Z")
DEVICE_KEY = re.compile(r"dev(\d{1,3})\Z")


@dataclass(frozen=True, slots=True)
class Line:
    """One setting of the container as it is now: text[start:end] is its line with its end."""

    key: str
    value: str
    line: int
    start: int
    end: int


def parse_container(text: str) -> tuple[Line, ...]:
    """The settings before the first section: what follows are snapshots and what is pending."""
    found, place = [], 0
    for number, raw in enumerate(text.splitlines(keepends=True), start=1):
        if raw.startswith("["):
            break
        pair = _PAIR.match(raw)
        if pair is not None and not raw.lstrip().startswith("#"):
            found.append(Line(pair[1], pair[3], number, place, place + len(raw)))
        place += len(raw)
    return tuple(found)


def ask_container(text: str, asked: Asked, ground: Ground) -> str:
    """The settings that let these devices in; the same text where they do. CannotAsk where the node has none."""
    nodes = nodes_of(asked, ground)
    if not nodes:
        raise CannotAsk(f"the node has no device node of {asked.maker.title} to hand in; load its driver first")
    unknown = [one for one in asked.devices if not any(node == one or _number(node) == one for node in nodes)]
    if unknown:
        raise CannotAsk(f"the node has no device {', '.join(unknown)} of {asked.maker.title}")
    for node in nodes:
        text = let_in(text, node, ground)
    return text


def let_in(text: str, node: str, ground: Ground) -> str:
    """The settings that let this node in, in the way that they have already, else as this release does it best."""
    lines = parse_container(text)
    if node in {path_of(one) for one in lines if DEVICE_KEY.match(one.key)}:
        return text
    if find_mount(lines, node) is None and takes_device_keys(ground):
        return _with_device(text, node, ground)
    if find_mount(lines, node) is None:
        text = append(text, MOUNT, f"{node} {node[1:]} none bind,optional,create=file")
    return with_rule(text, node, ground)


def nodes_of(asked: Asked, ground: Ground) -> tuple[str, ...]:
    """The maker's nodes on this node that the container needs: those of the chosen devices, and what all share."""
    return tuple(path for path in sorted(ground.device_nodes) if _is_wanted(path, asked))


def _is_wanted(path: str, asked: Asked) -> bool:
    """Whether the container needs this node: one of the maker's, of a chosen device or none's own."""
    pure = PurePosixPath(path)
    mine = [one for one in asked.maker.nodes if one.folder == str(pure.parent) and re.fullmatch(one.pattern, pure.name)]
    if not mine or not asked.devices or not _number(path):
        return bool(mine)
    return path in asked.devices or _number(path) in asked.devices


def _number(path: str) -> str:
    """The number that a device node ends in, "" for none."""
    return path[len(path.rstrip("0123456789")) :]


def find_mount(lines: tuple[Line, ...], node: str) -> Line | None:
    """The entry that brings this node or a folder above it in."""
    for one in lines:
        source = one.value.partition(" ")[0]
        if one.key == MOUNT and (source == node or node.startswith(f"{source.rstrip('/')}/")):
            return one
    return None


def lets_in(lines: tuple[Line, ...], device: str) -> bool:
    """Whether a rule lets "major:minor" be read and written."""
    major, _, minor = device.partition(":")
    for one in (each for each in lines if each.key == ALLOW):
        rule = RULE.match(one.value)
        if one.value == "a":
            return True
        if rule is not None and rule[1] in ("*", major) and rule[2] in ("*", minor) and {"r", "w"} <= set(rule[3]):
            return True
    return False


def stale_rules(lines: tuple[Line, ...], ground: Ground) -> list[Line]:
    """Rules for a major number that no driver of this node has: those of a kernel or driver before."""
    known = {str(one) for one in ground.majors.values()} | {"*"}
    rules = ((one, RULE.match(one.value)) for one in lines if one.key == ALLOW)
    return [one for one, rule in rules if rule is not None and known != {"*"} and rule[1] not in known]


def with_rule(text: str, node: str, ground: Ground) -> str:
    """A rule for the node's major number: a stale one is set right before another is added."""
    lines, device = parse_container(text), ground.device_nodes[node]
    if not device or lets_in(lines, device):
        return text
    wished = f"c {device.partition(':')[0]}:* rwm"
    stale = stale_rules(lines, ground)
    if stale:
        return replace_value(text, stale[0], wished)
    return append(text, ALLOW, wished)


def _with_device(text: str, node: str, ground: Ground) -> str:
    taken = {int(found[1]) for one in parse_container(text) if (found := DEVICE_KEY.match(one.key))}
    number = next(one for one in range(256) if one not in taken)
    open_to_all = node not in ground.guarded
    return append(text, f"dev{number}", node + ",mode=0666" * open_to_all)


def takes_device_keys(ground: Ground) -> bool:
    """Whether this Proxmox knows devN; False where it is none."""
    words = re.findall(r"\d+", ground.release)[:2]
    return len(words) == 2 and (int(words[0]), int(words[1])) >= DEVICE_KEYS_SINCE


def replace_value(text: str, line: Line, value: str) -> str:
    """The text with another value in this line; what is before and after it stays."""
    raw = text[line.start : line.end]
    at = raw.index(line.value, raw.index(line.key) + len(line.key) + 1)
    return text[: line.start] + raw[:at] + value + raw[at + len(line.value) :] + text[line.end :]


def replace_key(text: str, line: Line, key: str) -> str:
    """The text with another key in this line."""
    return text[: line.start] + text[line.start : line.end].replace(line.key, key, 1) + text[line.end :]


def append(text: str, key: str, value: str) -> str:
    """The settings with more: after the last of its kind, else after the last of all, in the way the file has them."""
    lines = parse_container(text)
    stem = key.rstrip("0123456789")
    kin = [one for one in lines if one.key.rstrip("0123456789") == stem] or list(lines)
    newline = {True: "\r\n", False: "\n"}["\r\n" in text]
    sign, at = ": ", 0
    if kin:
        at = kin[-1].end
        sign = {"=": " = ", ":": ": "}[_sign(text[kin[-1].start : at])]
    return text[:at] + newline * (at > 0 and not text[:at].endswith("\n")) + f"{key}{sign}{value}{newline}" + text[at:]


def _sign(raw: str) -> str:
    pair = _PAIR.match(raw)
    if pair is None:
        return ":"
    return pair[2]


def path_of(line: Line) -> str:
    """The node that a devN names."""
    return line.value.partition(",")[0].removeprefix("path=")
