"""Persistence mode, power limit and compute mode of GPUs: set now, and again at every boot by a unit of systemd.

A driver forgets them at a boot, and without persistence mode whenever nobody uses the card; so a unit sets them, after
the vendor's own daemon, which it also brings up where it is installed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from keepwell.config.sections import Key
from keepwell.config.shapes import flag, one_of, positive, texts
from keepwell.core.observation import Missing, Seen, absent, failed
from keepwell.core.ref import Ref, device
from keepwell.core.step import Change, RunCommand
from keepwell.core.values import rows_of, text_of
from keepwell.formats.startfile import parse_unit_file
from keepwell.formats.timer_unit import parse_command, render_command
from keepwell.plugins.device_settings import (
    COMPUTE_MODE,
    ON_OFF,
    PERSISTENCE,
    POWER_LIMIT,
    DeviceSettings,
    SettableDevice,
    find_settable,
    load_settings,
    settings_needs,
)
from keepwell.plugins.whole_file import WholeFile, find_content, needed_paths, put_file
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

UNITS, WANTED = "/etc/systemd/system", "/etc/systemd/system/multi-user.target.wants"
#: There where systemd runs the node (sd_booted(3)).
SYSTEMD = "/run/systemd/system"
RELOAD = RunCommand(argv=("systemctl", "daemon-reload"))
#: Seconds for one setting: a driver that holds no card open starts it first, up to 3 s a card.
SET_SECONDS = 60.0
MODES = ("default", "exclusive-process", "prohibited")
_NOT_WORD = re.compile(r"[^A-Za-z0-9]+")
_WORDS = {PERSISTENCE: "persistence mode", POWER_LIMIT: "power limit (W)", COMPUTE_MODE: "compute mode"}


class _Gpu:
    """The step; it holds no state."""

    title = "GPU settings"
    table = "gpu"
    keys: tuple[Key, ...] = (
        Key(name="devices", shape=texts, help="numbers, uuids or bus addresses; every GPU where nothing is said"),
        Key(name="persistence", shape=flag, help="keep the driver at the card while nobody uses it"),
        Key(name="power_limit_watts", shape=positive, help="the most that a card may draw"),
        Key(
            name="compute_mode",
            shape=one_of(*MODES),
            help="how many processes may compute on a card",
        ),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """The bus; then what is on it; then the vendor's own word, but only while none of its cards sleeps."""
        bus = settings_needs(looked)
        return replace(bus, paths=(*needed_paths(*_paths(wish)), *bus.paths), folders=(*bus.folders, SYSTEMD))

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """Each setting of each card, and the unit that sets them at boot."""
        found = _find_devices(wish, looked)
        if isinstance(found, Missing):
            return found
        wished = _wished(wish)
        subject = Ref("node", (looked.node,))
        if len(found) == 1:
            subject = device(looked.node, found[0].state.index)
        before, after = _tell_there(found, wished), _tell(wished)
        problem = "; ".join(_find_problems(found, wished, looked))
        if problem:
            return Drift(subject=subject, before=before, after=after, problem=problem)
        files = _put_unit(wish, found, wished, looked)
        if isinstance(files, Missing):
            return files
        changes = (*files, *_set(looked.node, found, wished))
        others = _find_others(_paths(wish)[0], _commands(wish, found, wished), looked)
        return Drift(
            subject=subject,
            before=before,
            after=after,
            changes=changes,
            activate=(RELOAD,) * bool(files),
            kept=tuple(f"the unit also runs {shlex.join(one)}" for one in others),
        )

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """The settings that all its cards have; Missing where they differ."""
        found = _find_devices(wish, looked)
        if isinstance(found, Missing):
            return found
        told = [dict(one.state.values) for one in found]
        if any(one != told[0] for one in told):
            return failed("the GPUs of this node are set differently: give each its own table, with `devices`")
        said = {name: value for name, value in told[0].items() if not isinstance(value, Missing)}
        values = {name: _READ[name](value) for name, value in said.items() if name in _READ}
        if values.get(COMPUTE_MODE, MODES[0]) not in MODES:  # one that vendors gave up is no wish
            del values[COMPUTE_MODE]
        return {**values, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """One table where there is a GPU that has settings."""
        rows = rows_of(seen.value(Ref("node", (node,)), "device.list"))
        return ({},) * any(text_of(row, "plug_in") in load_settings() for row in rows)


def _is_on(value: str) -> object:
    return value == "on"


_READ: Mapping[str, Callable[[str], object]] = {PERSISTENCE: _is_on, POWER_LIMIT: float, COMPUTE_MODE: str}


def _paths(wish: Wish) -> tuple[str, str]:
    """The unit and the link that enables it; one for each table, so that tables do not stand in each other's way."""
    name = "-".join(["keepwell-gpu", *(_NOT_WORD.sub("-", one).strip("-") for one in wish.get("devices", ()))])
    return f"{UNITS}/{name}.service", f"{WANTED}/{name}.service"


def _find_devices(wish: Wish, looked: Looked) -> tuple[SettableDevice, ...] | Missing:
    """The cards that are meant."""
    found = find_settable(looked)
    words = wish.get("devices", ())
    if isinstance(found, Missing) or not words:
        return found
    lost = [word for word in words if not any(one.state.is_meant(word) for one in found)]
    if lost:
        return absent(f"no GPU {', '.join(lost)} is here: {', '.join(map(_name, found))}")
    return tuple(one for one in found if any(one.state.is_meant(word) for word in words))


def _wished(wish: Wish) -> Mapping[str, str]:
    """Values by setting; persistence first, since without it the others are forgotten at once."""
    said: dict[str, str] = {}
    if PERSISTENCE in wish:
        said[PERSISTENCE] = ON_OFF[wish[PERSISTENCE]]
    if POWER_LIMIT in wish:
        said[POWER_LIMIT] = f"{wish[POWER_LIMIT]:g}"
    if COMPUTE_MODE in wish:
        said[COMPUTE_MODE] = wish[COMPUTE_MODE]
    return said


def _find_problems(found: tuple[SettableDevice, ...], wished: Mapping[str, str], looked: Looked) -> Iterator[str]:
    if isinstance(looked.names.get(SYSTEMD, failed("not looked")), Missing):
        yield "without systemd nothing would set them at the next boot"
    if not wished:
        yield "no setting is said"
    for one in found:
        for name, value in wished.items():
            now = one.state.values.get(name, absent("it has no such setting"))
            if isinstance(now, Missing):
                yield f"{_name(one)}: {_WORDS[name]} cannot be set: {now.reason}"
            elif name in one.state.ranges:
                least, most = one.state.ranges[name]
                if not least <= float(value) <= most:
                    yield f"{_name(one)}: {_WORDS[name]} goes from {least:g} to {most:g}, not {value}"


def _put_unit(
    wish: Wish, found: tuple[SettableDevice, ...], wished: Mapping[str, str], looked: Looked
) -> tuple[Change, ...] | Missing:
    """The unit and its link."""
    unit, link = _paths(wish)
    commands = _commands(wish, found, wished)
    commands = _in_order((*_find_others(unit, commands, looked), *commands), found)
    changes: list[Change] = []
    for file in (
        WholeFile(path=unit, content=_render_unit(wish, found, commands), told=f"at boot: {_tell(wished)}"),
        WholeFile(path=link, link=unit, told="enabled"),
    ):
        made = put_file(file, looked)
        if isinstance(made, Missing):
            return made
        changes += [change for change in made if change not in changes]
    return tuple(changes)


def _commands(wish: Wish, found: tuple[SettableDevice, ...], wished: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """What sets it at boot: of every card at once where no card is named."""
    if wish.get("devices"):
        return tuple(one.settings.set(one.state.uuid, name, value) for one in found for name, value in wished.items())
    return tuple(kind.set("", name, value) for kind in _kinds(found) for name, value in wished.items())


def _kinds(found: tuple[SettableDevice, ...]) -> tuple[DeviceSettings, ...]:
    return tuple({id(one.settings): one.settings for one in found}.values())


def _find_others(unit: str, commands: tuple[tuple[str, ...], ...], looked: Looked) -> tuple[tuple[str, ...], ...]:
    """What the unit sets besides: another table may be about the same cards, and nobody said that it goes."""
    content = find_content(looked, unit)
    if isinstance(content, Missing):
        return ()
    entries = parse_unit_file(content.decode("utf-8", "replace"))
    there = [parse_command(one.value) for one in entries if one.key == "ExecStart"]
    mine = {one[:-1] for one in commands}
    return tuple(one for one in there if one and one[:-1] not in mine)


def _in_order(commands: Iterable[tuple[str, ...]], found: tuple[SettableDevice, ...]) -> tuple[tuple[str, ...], ...]:
    """Persistence first, since without it the others are forgotten at once; else always the same."""
    uuids = ("", *(one.state.uuid for one in found))
    firsts = {kind.set(uuid, PERSISTENCE, "on")[:-1] for kind in _kinds(found) for uuid in uuids}
    ordered = sorted(commands)
    return (*(one for one in ordered if one[:-1] in firsts), *(one for one in ordered if one[:-1] not in firsts))


def _render_unit(wish: Wish, found: tuple[SettableDevice, ...], commands: tuple[tuple[str, ...], ...]) -> bytes:
    units = dict.fromkeys(unit for one in _kinds(found) for unit in one.units)
    after = " ".join([*units, *["keepwell-gpu.service"] * bool(wish.get("devices"))])
    lines = ["[Unit]", "Description=GPU settings (kept by keepwell)", f"Wants={after}", f"After={after}", ""]
    lines += ["[Service]", "Type=oneshot", "RemainAfterExit=yes"]
    lines += [f"ExecStart={render_command(argv)}" for argv in commands]
    return "\n".join([*lines, "", "[Install]", "WantedBy=multi-user.target", ""]).encode()


def _set(node: str, found: tuple[SettableDevice, ...], wished: Mapping[str, str]) -> Iterator[Change]:
    """What is otherwise now."""
    for one in found:
        for name, value in wished.items():
            now = one.state.values[name]
            if isinstance(now, Missing) or now == value:
                continue
            yield Change(
                subject=device(node, one.state.index),
                what=_WORDS[name],
                before=now,
                after=value,
                do=RunCommand(argv=one.settings.set(one.state.uuid, name, value), timeout_seconds=SET_SECONDS),
                undo=RunCommand(argv=one.settings.set(one.state.uuid, name, now), timeout_seconds=SET_SECONDS),
            )


def _name(one: SettableDevice) -> str:
    return f"{one.state.index} ({one.state.name or one.state.uuid})"


def _tell(wished: Mapping[str, str]) -> str:
    return ", ".join(f"{_WORDS[name]} {value}" for name, value in wished.items()) or "nothing"


def _tell_there(found: tuple[SettableDevice, ...], wished: Mapping[str, str]) -> str:
    """Each card, as far as it is wished otherwise."""
    words = []
    for one in found:
        said = [f"{_WORDS[name]} {one.state.values.get(name, '?')}" for name in wished]
        words.append(f"{one.state.index}: {', '.join(said)}")
    return "; ".join(words)


STEP: Keeps = _Gpu()
