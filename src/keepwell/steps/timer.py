"""Run a command at times, by a timer of systemd: two unit files and the link that enables the timer.

Every timer gets a delay by chance, which is the same at each run of one machine: without it a fleet pulls models, asks
a registry or writes to one disk at the same second.
"""

from __future__ import annotations

import re
import shlex

from keepwell.config.sections import Key
from keepwell.config.shapes import argv, duration, flag, text, user
from keepwell.core.observation import Missing, Seen, failed
from keepwell.core.ref import Ref
from keepwell.core.secret import mask_argv
from keepwell.core.step import Change, RunCommand
from keepwell.core.text import cut_text, escape_controls
from keepwell.formats.systemd import parse_show
from keepwell.formats.timer_unit import TimedCommand, parse_timed_command, render_service, render_timer
from keepwell.plugins.whole_file import NOTHING, WholeFile, find_content, needed_paths, put_file
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

UNITS, WANTED = "/etc/systemd/system", "/etc/systemd/system/timers.target.wants"
#: Seconds of delay by chance where nothing is said: enough to spread some hundred nodes over a registry; and its share
#: of the time between two runs.
DELAY_SECONDS, DELAY_SHARE = 900.0, 0.1
#: Characters of a program's complaint that are told.
SAID = 200
RELOAD = ("systemctl", "daemon-reload")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@-]{0,127}")


def _name(value: object) -> str:
    found = text(value).removesuffix(".timer")
    if not _NAME.fullmatch(found):
        raise ValueError("the name of a unit without its ending: letters, digits, : _ . @ and -")
    return found


class _Timer:
    """The step; it holds no state."""

    title = "Timers"
    table = "timer"
    keys: tuple[Key, ...] = (
        Key(name="name", shape=_name, help="the name of both units, without its ending", required=True),
        Key(name="command", shape=argv, help="what is run, as a list; no shell reads it"),
        Key(name="at", shape=text, help='when, as systemd writes times: "daily", "Mon..Fri 03:00", "*:0/15"'),
        Key(name="every", shape=duration, help="or so long after the start, and after each run"),
        Key(
            name="randomized_delay",
            shape=duration,
            help="up to so much later, by chance, always as much on one node; 15 minutes, or a tenth of `every`, where "
            "nothing is said",
        ),
        Key(name="persistent", shape=flag, help="make up for a time at which the node was off; true where not said"),
        Key(name="user", shape=user, help="who runs it; root where nothing is said"),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """Both files, the link, the timer's state, and what systemd makes of the times."""
        del looked
        asked = [_ask_state(wish)]
        if "at" in wish:
            asked.append(_ask_times(wish))
        return Needs(paths=needed_paths(*_paths(wish)), commands=tuple(asked))

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """Files, link, and whether the timer waits."""
        active = _is_active(wish, looked)
        if isinstance(active, Missing):
            return active
        problem = _find_problem(wish, looked)
        if isinstance(problem, Missing):
            return problem
        subject, was = Ref("unit", (looked.node, f"{wish['name']}.timer")), _tell_there(wish, looked, active)
        if problem:
            return Drift(subject=subject, before=was, after=f"timer {wish['name']}", problem=problem)
        one = _make(wish)
        changes: list[Change] = []
        for file in _files(wish, one):
            made = put_file(file, looked)
            if isinstance(made, Missing):
                return made
            changes += [change for change in made if change not in changes]
        reload = (RunCommand(argv=RELOAD),) * bool(changes)
        changes += (_start(looked.node, wish),) * (not active)
        return Drift(subject=subject, before=was, after=_tell(one), changes=tuple(changes), activate=reload)

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """What the node's units say, if it is no more than this table can."""
        contents = [find_content(looked, path) for path in _paths(wish)[:2]]
        for content in contents:
            if isinstance(content, Missing):
                return content
        try:
            one = parse_timed_command(*(content for content in contents if isinstance(content, bytes)))
        except ValueError as error:
            return failed(f"{wish['name']}: {error}: keep them by tables of file and unit")
        found = {"command": one.command, "at": one.at, "every": one.every_seconds, "user": one.user}
        found |= {"randomized_delay": one.delay_seconds, "persistent": one.persistent}
        return {**{name: value for name, value in found.items() if value not in ("", 0.0)}, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """None: which timers are an engine's own is in no observation."""
        del seen, node
        return ()


def _paths(wish: Wish) -> tuple[str, str, str]:
    """The service, the timer, and the link that enables it."""
    name = wish["name"]
    return f"{UNITS}/{name}.service", f"{UNITS}/{name}.timer", f"{WANTED}/{name}.timer"


def _ask_state(wish: Wish) -> tuple[str, ...]:
    return ("systemctl", "show", "--property=LoadState,ActiveState", f"{wish['name']}.timer")


def _ask_times(wish: Wish) -> tuple[str, ...]:
    return ("systemd-analyze", "calendar", wish["at"])


def _make(wish: Wish) -> TimedCommand:
    """The timer that is wished; ValueError for a command that no unit can hold."""
    usual = DELAY_SECONDS
    if "every" in wish:
        usual = min(usual, wish["every"] * DELAY_SHARE)
    one = TimedCommand(
        description=f"{wish['name']} (kept by keepwell)",
        command=tuple(wish["command"]),
        at=wish.get("at", ""),
        every_seconds=wish.get("every", 0.0),
        delay_seconds=wish.get("randomized_delay", usual),
        persistent=wish.get("persistent", True),
        user=wish.get("user", ""),
    )
    render_service(one)
    return one


def _files(wish: Wish, one: TimedCommand) -> tuple[WholeFile, ...]:
    service, timer, link = _paths(wish)
    return (
        WholeFile(path=service, content=render_service(one), told=f"runs {shlex.join(mask_argv(one.command))}"),
        WholeFile(path=timer, content=render_timer(one), told=_tell_when(one)),
        WholeFile(path=link, link=timer, told="enabled"),
    )


def _start(node: str, wish: Wish) -> Change:
    """Let it wait now; it is the timer that starts, not the command."""
    timer = f"{wish['name']}.timer"
    return Change(
        subject=Ref("unit", (node, timer)),
        what="running",
        before="not waiting",
        after="waiting",
        do=RunCommand(argv=("systemctl", "start", timer)),
        undo=RunCommand(argv=("systemctl", "stop", timer)),
    )


def _is_active(wish: Wish, looked: Looked) -> bool | Missing:
    """Whether systemd waits for the timer's times."""
    ran = looked.ran.get(_ask_state(wish), failed("nobody asked systemd"))
    if isinstance(ran, Missing):
        return ran
    blocks = parse_show(ran.text)
    if ran.code or not blocks:
        said = cut_text(escape_controls(ran.stderr.decode("utf-8", "replace").strip()), SAID)
        return failed(f"systemctl cannot tell of {wish['name']}.timer: {said}")
    return blocks[0].get("ActiveState") == "active"


def _find_problem(wish: Wish, looked: Looked) -> str | Missing:
    """Why no timer can be made, "" if one can."""
    if ("at" in wish) == ("every" in wish):
        return "it takes either `at` or `every`"
    if not wish.get("command"):
        return "no command is said"
    try:
        _make(wish)
    except ValueError as error:
        return str(error)
    if "at" not in wish:
        return ""
    ran = looked.ran.get(_ask_times(wish), failed("nobody asked systemd"))
    if isinstance(ran, Missing):
        return ran
    if ran.code:
        return f"systemd does not understand the times {wish['at']!r}: try `systemd-analyze calendar`"
    return ""


def _tell_there(wish: Wish, looked: Looked, active: bool) -> str:
    """What the node's units say, in words."""
    contents = [find_content(looked, path) for path in _paths(wish)[:2]]
    link = looked.entries.get(_paths(wish)[2])
    found = [content for content in contents if isinstance(content, bytes)]
    if len(found) < len(contents):
        return NOTHING
    words = ["not waiting"] * (not active)
    words += ["not enabled"] * (isinstance(link, Missing) or link is None or link.kind == "absent")
    try:
        told = _tell(parse_timed_command(*found))
    except ValueError:
        told = "units of other content"
    return ", ".join([told, *words])


def _tell(one: TimedCommand) -> str:
    return f"{shlex.join(mask_argv(one.command))} {_tell_when(one)}" + f" as {one.user}" * bool(one.user)


def _tell_when(one: TimedCommand) -> str:
    when = f"at {one.at}"
    if not one.at:
        when = f"every {one.every_seconds:g} s"
    return f"{when}, up to {one.delay_seconds:g} s later"


STEP: Keeps = _Timer()
