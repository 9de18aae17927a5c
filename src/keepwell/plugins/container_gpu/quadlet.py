"""Podman's Quadlets (.container files): devices by name of a specification, or by node; every other byte kept.

Keys as podman-systemd.unit(5) has them; `GroupAdd=keep-groups` keeps the groups of a rootless user, as AMD's container
toolkit documents for Podman.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from keepwell.plugins.container_gpu.compose import nodes_for, require_names
from keepwell.plugins.container_gpu.ground import (
    ALL,
    UNDESCRIBED,
    Asked,
    CannotAsk,
    Ground,
    Mistake,
    is_undescribed,
)
from keepwell.plugins.device_sharing import Maker

SECTION, DEVICE, GROUP, ARGUMENTS = "Container", "AddDevice", "GroupAdd", "PodmanArgs"
KEEP_GROUPS = "keep-groups"
_HEADER = re.compile(r"\s*\[([^\]]+)\]\s*\Z")
_PAIR = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s*=\s*(.*?)\s*\Z", re.S)


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of the container's section: text[start:end] is its line, with line ends; `line` counts from 1."""

    key: str
    value: str
    line: int
    start: int
    end: int


def parse_quadlet(text: str) -> tuple[Entry, ...]:
    """The entries of [Container] in order. Raises CannotAsk where there is no such section."""
    section, found, line, place = "", [], 1, 0
    seen = False
    for raw in _logical_lines(text):
        header, pair = _HEADER.match(raw), _PAIR.match(raw)
        if header is not None:
            section = header[1]
            seen = seen or section == SECTION
        if section == SECTION and not raw.lstrip().startswith(("#", ";")):
            if header is not None:
                found.append(Entry("", "", line, place, place + len(raw)))
            elif pair is not None:
                found.append(Entry(pair[1], pair[2], line, place, place + len(raw)))
        place, line = place + len(raw), line + raw.count("\n")
    if not seen:
        raise CannotAsk(f"it has no section [{SECTION}]")
    return tuple(found)


def ask_quadlet(text: str, asked: Asked) -> str:
    """The file whose container gets these devices; the same text where it does. CannotAsk."""
    maker, wished = asked.maker, _wished(asked)
    there = [one for one in parse_quadlet(text) if one.key == DEVICE]
    mine = [one for one in there if is_of(one.value, maker)]
    if {_source(one.value) for one in mine} == set(wished):
        return text
    for one in reversed(mine):
        if _source(one.value) not in wished:
            text = text[: one.start] + text[one.end :]
    kept = {_source(one.value) for one in mine}
    for name in wished:
        if name not in kept:
            text = _added(text, DEVICE, name)
    return text


def find_quadlet_mistakes(text: str, name: str, ground: Ground, *, engine: bool) -> Iterator[Mistake]:
    """Devices in ways that Podman does not know, names that no specification has, an engine without a GPU."""
    try:
        entries = parse_quadlet(text)
    except CannotAsk as error:
        yield Mistake(kind="syntax", line=1, words=str(error), service=name)
        return
    asks = False
    for one in entries:
        for maker in ground.makers:
            asks = asks or (one.key == DEVICE and is_of(one.value, maker))
            yield from _old_ways(text, one, maker, name)
    asks = asks or any(one.key == ARGUMENTS and "--device" in one.value for one in entries)
    yield from _unknown_kinds(entries, name, ground)
    if engine and ground.makers and not asks and not any("--gpus" in one.value for one in entries):
        maker = ground.makers[0]
        words = f"it runs an engine and asks for no GPU; the node has one of {maker.title}"
        mended = ask_quadlet(text, Asked(maker=maker))
        yield Mistake(kind="not-requested", line=1, words=words, service=name, weight="warning", mended=mended)


def image_of(text: str) -> str:
    """The image that the container is made of; "" where it is not said."""
    try:
        return "".join([one.value for one in parse_quadlet(text) if one.key == "Image"][-1:])
    except CannotAsk:
        return ""


def _old_ways(text: str, one: Entry, maker: Maker, name: str) -> Iterator[Mistake]:
    """Docker's --gpus and a run-time's variable: Podman hands devices in by name of a specification."""
    sharing = maker.sharing
    if one.key == ARGUMENTS and sharing.kind and re.search(r"--gpus[= ]", one.value):
        words = f"--gpus is Docker's; Podman wants {DEVICE}={sharing.kind}={ALL}"
        rest = re.sub(r"\s*--gpus[= ]\S+", "", one.value).strip()
        mended = text[: one.start] + f"{ARGUMENTS}={rest}{_newline(text)}" * bool(rest) + text[one.end :]
        mended = ask_quadlet(mended, Asked(maker=maker))
        yield Mistake(kind="docker-syntax", line=one.line, words=words, service=name, mended=mended)
    if one.key == "Environment" and sharing.visible and re.match(rf"\"?{sharing.visible}=none\b", one.value):
        words = f"{sharing.visible}=none hides every device"
        mended = text[: one.start] + text[one.end :]
        yield Mistake(kind="hidden", line=one.line, words=words, service=name, mended=mended)


def _unknown_kinds(entries: tuple[Entry, ...], name: str, ground: Ground) -> Iterator[Mistake]:
    for one in entries:
        kind, equals, _ = one.value.partition("=")
        if one.key == DEVICE and equals and is_undescribed(kind, ground):
            words = UNDESCRIBED.format(kind=kind)
            yield Mistake(kind="no-specification", line=one.line, words=words, service=name)


def _wished(asked: Asked) -> tuple[str, ...]:
    sharing = asked.maker.sharing
    if not sharing.driver:
        return nodes_for(asked)
    require_names(asked)
    return tuple(f"{sharing.kind}={one}" for one in asked.devices or (ALL,))


def is_of(value: str, maker: Maker) -> bool:
    """Whether an AddDevice names a device of this maker."""
    source, sharing = _source(value), maker.sharing
    if sharing.kind and source.startswith(f"{sharing.kind}="):
        return True
    nodes = (*sharing.nodes, *(rule.example for rule in maker.nodes if not sharing.nodes))
    return any(source == one or source.startswith(f"{one}/") for one in nodes)


def _source(value: str) -> str:
    """What an AddDevice names: its source without `-` (may be missing), its target and its rights."""
    plain = value.lstrip("-")
    if plain.startswith("/"):
        return plain.partition(":")[0]
    return plain


def _added(text: str, key: str, value: str) -> str:
    """One line more: after the last of its kind, else after the image, else at the section's begin."""
    entries = parse_quadlet(text)
    kin = [one for one in entries if one.key == key] or [one for one in entries if one.key == "Image"] or entries[:1]
    at, newline = kin[-1].end, _newline(text)
    return text[:at] + newline * (not text[:at].endswith("\n")) + f"{key}={value}{newline}" + text[at:]


def _logical_lines(text: str) -> Iterator[str]:
    """Lines with the ones that a backslash continues."""
    waiting = ""
    for raw in text.splitlines(keepends=True):
        waiting += raw
        if not raw.rstrip("\r\n").endswith("\\") or raw.lstrip().startswith(("#", ";")):
            yield waiting
            waiting = ""
    if waiting:
        yield waiting


def _newline(text: str) -> str:
    return {True: "\r\n", False: "\n"}["\r\n" in text]
