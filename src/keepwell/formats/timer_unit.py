"""A command that systemd runs at times, as two units: a service and its timer; written, and read back exactly."""

from __future__ import annotations

import re
from dataclasses import dataclass

from keepwell.formats.startfile import UnitEntry, parse_unit_file

#: A word that stands in ExecStart= as it is; anything else is quoted (systemd.service(5), "Command lines").
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
#: Characters that mean something at the start of a command line: they cannot be quoted there.
_PREFIXES = tuple("@-:+!|")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_WRITTEN = {escape: char for char, escape in _ESCAPES.items()}
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)')
_FIELDS = {
    "Description": "description",
    "OnCalendar": "at",
    "OnUnitActiveSec": "every_seconds",
    "RandomizedDelaySec": "delay_seconds",
    "Persistent": "persistent",
    "ExecStart": "command",
    "User": "user",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedCommand:
    """A command and when it runs: `at` times of the calendar (systemd.time(7)), or again and again after
    `every_seconds`; up to `delay_seconds` later, always as much on one machine. `persistent`: a time that was missed
    because the machine was off is made up for. `user` "" is root.
    """

    description: str
    command: tuple[str, ...]
    at: str = ""
    every_seconds: float = 0.0
    delay_seconds: float = 0.0
    persistent: bool = True
    user: str = ""


def render_service(one: TimedCommand) -> bytes:
    """NAME.service. ValueError for a command that no unit can hold."""
    lines = ["[Unit]", f"Description={_specifiers(one.description)}", "", "[Service]", "Type=oneshot"]
    if one.user:
        lines.append(f"User={one.user}")
    return "\n".join([*lines, f"ExecStart={render_command(one.command)}", ""]).encode("utf-8")


def render_timer(one: TimedCommand) -> bytes:
    """NAME.timer."""
    lines = ["[Unit]", f"Description={_specifiers(one.description)}", "", "[Timer]"]
    if one.at:
        lines += [f"OnCalendar={_specifiers(one.at)}", f"Persistent={str(one.persistent).lower()}"]
    else:
        lines += [f"OnActiveSec={_seconds(one.every_seconds)}", f"OnUnitActiveSec={_seconds(one.every_seconds)}"]
    lines += [f"RandomizedDelaySec={_seconds(one.delay_seconds)}", "FixedRandomDelay=true"]
    return "\n".join([*lines, "", "[Install]", "WantedBy=timers.target", ""]).encode("utf-8")


def parse_timed_command(service: bytes, timer: bytes) -> TimedCommand:
    """What the two files say; ValueError where they say anything else than what would be written for it."""
    entries = [entry for content in (service, timer) for entry in parse_unit_file(content.decode("utf-8", "replace"))]
    said = {_FIELDS[entry.key]: entry for entry in entries if entry.key in _FIELDS}
    one = TimedCommand(
        description=_plain(said, "description"),
        command=parse_command(_value(said, "command")),
        at=_plain(said, "at"),
        every_seconds=float(_value(said, "every_seconds") or 0),
        delay_seconds=float(_value(said, "delay_seconds") or 0),
        persistent=_value(said, "persistent") != "false",
        user=_value(said, "user"),
    )
    if render_service(one) != service or render_timer(one) != timer:
        raise ValueError("these units say more than when a command runs")
    return one


def render_command(argv: tuple[str, ...]) -> str:
    """A command line of a unit; ValueError for what systemd would take for something else."""
    if not argv or not argv[0] or argv[0].startswith(_PREFIXES) or re.search(r"[\s$\"'\\;]", argv[0]):
        raise ValueError("the program must be a path, or a name, without blanks, quotes and $")
    if any("\0" in word for word in argv):
        raise ValueError("a word with a NUL in it cannot be told to a program")
    return " ".join(_quote(word) for word in argv)


def parse_command(text: str) -> tuple[str, ...]:
    """The words of a command line as `render_command` writes it."""
    words = []
    for quoted, plain in _WORD.findall(text):
        word = re.sub(r"\\.", _unescape, quoted) or plain
        words.append(word.replace("$$", "$").replace("%%", "%"))
    return tuple(words)


def _quote(word: str) -> str:
    said = _specifiers(word).replace("$", "$$")
    if _PLAIN.fullmatch(said):
        return said
    return f'"{"".join(_ESCAPES.get(char, char) for char in said)}"'


def _seconds(seconds: float) -> str:
    """To the millisecond, without zeros at the end."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


def _specifiers(text: str) -> str:
    """systemd puts something else in place of % and a letter."""
    return text.replace("%", "%%")


def _unescape(found: re.Match[str]) -> str:
    return _WRITTEN[found[0]]


def _value(said: dict[str, UnitEntry], name: str) -> str:
    if name not in said:
        return ""
    return said[name].value


def _plain(said: dict[str, UnitEntry], name: str) -> str:
    return _value(said, name).replace("%%", "%")
