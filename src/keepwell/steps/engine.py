"""Keep an engine as it is wished: whether it runs, with which arguments, in which release.

Whether it runs and a unit's arguments are changed. A release is only told, with the command that installs it: what a
new one does to models and answers is its owner's to try. Arguments of a container are given when it is made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from keepwell.config import shapes
from keepwell.config.sections import Key
from keepwell.config.shapes import LIST_ITEMS
from keepwell.core.observation import Missing, Seen, unknown
from keepwell.core.ref import Ref
from keepwell.core.step import Activation, Change, RunCommand
from keepwell.core.values import row_of, text_of
from keepwell.core.words import clean, command_line
from keepwell.formats.timer_unit import render_command
from keepwell.plugins.engine import Engine
from keepwell.plugins.engine_state import Supervised, find_needs, find_release, find_supervised
from keepwell.plugins.putting import (
    find_paths,
    find_place,
    make_folders,
    only_content,
    put_change,
)
from keepwell.plugins.recognise import load_engines
from keepwell.plugins.release import TellsRelease, parse_wish
from keepwell.plugins.running import COMMAND_SECONDS, STOPS
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

DROP_IN = "/etc/systemd/system/{unit}.d/60-keepwell-arguments.conf"
CONTAINER = "arguments of a container are given when it is made: change its definition and make it anew"
BY_HAND = "no unit and no container is named here: keepwell engine {verb} {name}"
RELOAD = RunCommand(argv=("systemctl", "daemon-reload"), timeout_seconds=COMMAND_SECONDS)
#: Characters of one argument: a chat template as text is the longest that was seen.
ARGUMENT_CHARACTERS = 4096
_SAID = {True: "runs", False: "does not run"}


def _kind(value: object) -> str:
    found = shapes.text(value)
    if found not in load_engines():
        raise ValueError(f"one of {', '.join(sorted(load_engines()))}")
    return found


def _release(value: object) -> str:
    return str(parse_wish(shapes.text(value)))


def _arguments(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > LIST_ITEMS:
        raise ValueError('a list of texts like ["serve"]')
    if not all(isinstance(one, str) and one.isprintable() and len(one) <= ARGUMENT_CHARACTERS for one in value):
        raise ValueError("texts of one line")
    return tuple(value)


KEYS = (
    Key(name="kind", shape=_kind, required=True, help="what it is, as `kind` of [[engine]]"),
    Key(name="url", shape=shapes.url, help="where it answers; its usual port on the node itself where left out"),
    Key(name="unit", shape=shapes.text, help="the unit of systemd that runs it"),
    Key(name="container", shape=shapes.text, help="the container that runs it, of Docker or Podman"),
    Key(name="running", shape=shapes.flag, help="whether it runs"),
    Key(name="version", shape=_release, help='the release, "0.9.3" or ">=0.9"; told, never installed'),
    Key(
        name="arguments",
        shape=_arguments,
        help="all arguments of its program; of a unit they are changed by a drop-in with ExecStart=",
    ),
)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one key comes to: words of before and after, and the changes or why there are none."""

    before: str
    after: str
    changes: tuple[Change, ...] = ()
    activate: tuple[Activation, ...] = ()
    problem: str = ""


class _Engine:
    """The step; it holds no state."""

    title = "Keep an engine's release, arguments, and whether it runs"
    table = "engine"
    keys: tuple[Key, ...] = KEYS

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """Its page, what supervises it, and the drop-in of its arguments."""
        engine, url = _find_engine(wish)
        needs = find_needs(engine, url, _text(wish, "unit"), _text(wish, "container"))
        if not _text(wish, "unit") or "arguments" not in wish:
            return needs
        return replace(needs, paths=find_paths(looked, DROP_IN.format(unit=wish["unit"])))

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """Each key that is wished; what is only told stands in `problem`, or in `kept` beside what is changed."""
        engine, url = _find_engine(wish)
        if not engine.ports and "url" not in wish:
            return unknown(f"{engine.title} has no usual port: write its url")
        supervised = find_supervised(_text(wish, "unit"), _text(wish, "container"), looked)
        release = find_release(engine, url, looked)
        if isinstance(supervised, Missing) and supervised.kind != "absent":
            return supervised
        if isinstance(release, Missing) and release.kind != "absent" and "version" in wish:
            return release
        subject = _subject(wish, looked.node)
        parts: list[_Part] = []
        for part in (
            _compare_version(wish, engine, release),
            _compare_arguments(wish, subject, supervised, looked),
            _compare_running(wish, subject, supervised, release),
        ):
            if isinstance(part, Missing):
                return part
            if part is not None:
                parts.append(part)
        return _join(subject, parts, wish)

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """The release, the arguments and whether it runs, as they are there."""
        engine, url = _find_engine(wish)
        supervised = find_supervised(_text(wish, "unit"), _text(wish, "container"), looked)
        release = find_release(engine, url, looked)
        found: dict[str, object] = {}
        if not isinstance(supervised, Missing):
            found = {"running": supervised.runs, "arguments": supervised.argv[1:]}
        elif isinstance(release, Missing) and release.kind != "absent":
            return release
        if not isinstance(release, Missing):
            found |= {"version": release, "running": True}
        return {**found, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """Every engine of the node, by its address and what supervises it."""
        return tuple(_propose(seen, ref) for ref in seen.subjects("engine") if ref.node == node and _is_here(seen, ref))


def _find_engine(wish: Wish) -> tuple[Engine, str]:
    """Its plug-in and its address."""
    engine = load_engines()[wish["kind"]]
    port = next(iter(engine.ports), 0)
    return engine, str(wish.get("url") or f"http://127.0.0.1:{port}")


def _subject(wish: Wish, node: str) -> Ref:
    """Named as a survey names it: by its kind, and by its port where that is not the usual one."""
    engine, url = _find_engine(wish)
    port = url.rpartition(":")[2]
    usual = str(next(iter(engine.ports), ""))
    return Ref("engine", (node, f"{wish['kind']}:{port}" * (port != usual) or str(wish["kind"])))


def _compare_version(wish: Wish, engine: Engine, release: str | Missing) -> _Part | None:
    if "version" not in wish:
        return None
    wished = parse_wish(wish["version"])
    if isinstance(release, Missing):
        if wish.get("running") is False:
            return None
        return _Part("no release told", str(wished), problem=release.reason)
    if wished.holds(release):
        return _Part(release, release)
    how = ""
    if isinstance(engine, TellsRelease):
        how = engine.install_command(wished.release * (wished.relation == "=="))
    problem = f"{engine.title} is {release}, wished is {wished}; keepwell installs none: {how}"
    return _Part(release, str(wished), problem=problem)


def _compare_running(
    wish: Wish, subject: Ref, supervised: Supervised | Missing, release: str | Missing
) -> _Part | None:
    if "running" not in wish:
        return None
    wished = bool(wish["running"])
    runs = not isinstance(release, Missing)
    if not isinstance(supervised, Missing):
        runs = supervised.runs
    words = (_SAID[runs], _SAID[wished])
    if runs == wished:
        return _Part(*words)
    if isinstance(supervised, Missing):
        verb = {True: "start", False: "stop"}[wished]
        return _Part(*words, problem=BY_HAND.format(verb=verb, name=subject.name))
    do, undo = {True: (supervised.begin, supervised.end), False: (supervised.end, supervised.begin)}[wished]
    change = Change(
        subject=subject,
        what=supervised.name,
        before=words[0],
        after=words[1],
        do=RunCommand(argv=do, timeout_seconds=COMMAND_SECONDS),
        undo=RunCommand(argv=undo, timeout_seconds=COMMAND_SECONDS),
        interrupts=STOPS * (not wished),
    )
    return _Part(*words, changes=(change,))


def _compare_arguments(
    wish: Wish, subject: Ref, supervised: Supervised | Missing, looked: Looked
) -> _Part | Missing | None:
    if "arguments" not in wish:
        return None
    if isinstance(supervised, Missing):
        return unknown(f"the arguments cannot be told: {supervised.reason}")
    if not supervised.argv:
        return unknown(f"{supervised.name} does not tell its command")
    wished = tuple(wish["arguments"])
    words = (_tell(supervised.argv[1:]), _tell(wished))
    if " ".join(supervised.argv[1:]).split() == " ".join(wished).split():  # systemctl does not keep quotes
        return _Part(words[0], words[0])
    if supervised.kind != "systemd":
        return _Part(*words, problem=CONTAINER)
    path = DROP_IN.format(unit=supervised.name)
    place, folders = find_place(looked, path), make_folders(looked, path)
    if isinstance(place, Missing):
        return place
    if isinstance(folders, Missing):
        return folders
    try:
        line = render_command((supervised.argv[0], *wished))
    except ValueError as error:
        return _Part(*words, problem=str(error))
    content = f"[Service]\nExecStart=\nExecStart={line}\n".encode()
    if place.entry.content == content:
        return _Part(
            *words, problem=f"{path} says so, and something else counts above it: systemctl cat {supervised.name}"
        )
    change = put_change(
        looked.node, place, only_content(content), "arguments", words, interrupts=STOPS * supervised.runs
    )
    restart = RunCommand(argv=("systemctl", "try-restart", supervised.name), timeout_seconds=COMMAND_SECONDS)
    return _Part(*words, changes=(*folders, change), activate=(RELOAD, restart))


def _join(subject: Ref, parts: list[_Part], wish: Wish) -> Drift:
    """One drift of all keys; one that stops an engine does not ask it to answer afterwards."""
    differing = [one for one in parts if one.changes or one.problem] or parts
    changes = tuple(change for one in parts for change in one.changes)
    problems = tuple(one.problem for one in parts if one.problem)
    return Drift(
        subject=subject,
        before=", ".join(one.before for one in differing),
        after=", ".join(one.after for one in differing),
        changes=changes,
        activate=tuple(one for part in parts for one in part.activate),
        engine={True: subject}.get(bool(changes) and wish.get("running") is not False),
        kept=problems * bool(changes),
        problem="; ".join(problems) * (not changes),
    )


def _tell(arguments: tuple[str, ...]) -> str:
    return clean(command_line(arguments)) or "no arguments"


def _text(wish: Wish, key: str) -> str:
    return str(wish.get(key) or "")


def _is_here(seen: Seen, ref: Ref) -> bool:
    row = row_of(seen.value(ref, "engine.site"))
    return text_of(row, "plug_in") in load_engines() and bool(text_of(row, "url"))


def _propose(seen: Seen, ref: Ref) -> Wish:
    row, supervisor = row_of(seen.value(ref, "engine.site")), row_of(seen.value(ref, "engine.supervisor"))
    key = {"systemd": "unit", "container": "container"}.get(text_of(supervisor, "kind"), "")
    made = {"kind": text_of(row, "plug_in"), "url": text_of(row, "url"), key: text_of(supervisor, "unit")}
    return {name: value for name, value in made.items() if name and value}


STEP: Keeps = _Engine()
