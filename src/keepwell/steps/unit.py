"""Keep a unit of systemd as it is wished: a drop-in of ours, whether it starts with the machine, whether it runs.

What a package's unit file says is never edited. Links are put as systemd itself makes them, so that each is taken back
exactly; where only systemd can tell which (templates, units that go along), it is asked to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keepwell.config import environment_shapes, shapes
from keepwell.config.sections import Key
from keepwell.core.entry import ABSENT, Entry
from keepwell.core.observation import Missing, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import Activation, Change, RunCommand
from keepwell.core.values import rows_of, text_of
from keepwell.formats.drop_in import (
    NOTHING,
    Install,
    describe_sections,
    find_overridden,
    parse_drop_in,
    parse_install,
    render_drop_in,
)
from keepwell.plugins import unit_state
from keepwell.plugins.putting import Place, find_paths, make_folders, only_content, put_change
from keepwell.plugins.unit_state import UnitState
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

OWN = "/etc/systemd/system"
DROP_IN = "50-keepwell.conf"
#: Where units lie that no owner wrote, in the order in which systemd looks for them.
PACKAGED = ("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_LINKING = (".wants", ".requires", ".upholds")
_SAID = {True: "yes", False: "no"}
KEYS = (
    Key(name="name", shape=environment_shapes.unit, required=True, help='the unit, like "server.service"'),
    Key(
        name="drop_in",
        shape=environment_shapes.sections,
        help=f"sections of directives that {DROP_IN} in its folder of drop-ins holds, and nothing else",
    ),
    Key(name="enabled", shape=shapes.flag, help="whether it starts with the machine"),
    Key(name="running", shape=shapes.flag, help="whether it runs"),
    Key(name="masked", shape=shapes.flag, help="whether nothing may start it"),
    Key(
        name="engine", shape=shapes.label, help="the engine that it runs, as in its address; gets no traffic meanwhile"
    ),
)


class _Unit:
    """The step; it holds no state."""

    title = "Keep a unit of systemd"
    table = "unit"
    keys: tuple[Key, ...] = KEYS

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """How it stands, its own files, its drop-ins, and the links that name it."""
        name = wish["name"]
        folder = f"{OWN}/{name}.d"
        paths = [*find_paths(looked, f"{folder}/{DROP_IN}"), f"{OWN}/{name}", *(f"{one}/{name}" for one in PACKAGED)]
        paths += [f"{folder}/{one}" for one in _names(looked, folder) if one.endswith(".conf")]
        for one in _names(looked, OWN):
            if one.endswith(_LINKING):
                paths += [f"{OWN}/{one}", f"{OWN}/{one}/{name}"]
        for link in _install(wish, looked).links:
            paths += [*find_paths(looked, f"{OWN}/{link}")]
        return Needs(paths=tuple(dict.fromkeys(paths)), folders=(OWN, folder), commands=(unit_state.ask_unit(name),))

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """The drop-in, the links, then what is started or stopped."""
        state = unit_state.find_unit_state(looked, wish["name"])
        if isinstance(state, Missing) and state.kind != "absent":
            return state
        subject = Ref("unit", (looked.node, wish["name"]))
        problem = _find_problem(wish, looked, state)
        if problem or isinstance(state, Missing):
            return Drift(subject=subject, before=_stands(state), after=_wished(wish), problem=problem)
        found = _find_changes(wish, looked, state)
        if isinstance(found, Missing):
            return found
        return Drift(
            subject=subject,
            before=_stands(state, _directives(wish, looked)),
            after=_wished(wish),
            changes=found.changes,
            activate=found.activate,
            engine=_engine(wish, looked),
        )

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """With our drop-in there, and whether it is enabled and runs there; what the wish says itself stays."""
        state = unit_state.find_unit_state(looked, wish["name"])
        if isinstance(state, Missing):
            return state
        told: dict[str, object] = {"running": state.running}
        if state.enabled in ("enabled", "disabled"):
            told["enabled"] = state.enabled == "enabled"
        content = _content(looked, f"{OWN}/{wish['name']}.d/{DROP_IN}")
        if content:
            told["drop_in"] = parse_drop_in(content)
        return {**told, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """The units that run engines."""
        rows = rows_of(seen.value(Ref("node", (node,)), "host.units"))
        ours = [one for one in rows if text_of(one, "manager") == "systemd" and text_of(one, "scope") == "system"]
        return tuple({"name": text_of(one, "unit")} for one in ours if text_of(one, "engine"))


@dataclass(frozen=True, slots=True)
class _Todo:
    """Changes, and what makes them take effect."""

    changes: tuple[Change, ...]
    activate: tuple[Activation, ...]


def _engine(wish: Wish, looked: Looked) -> Ref | None:
    if not wish.get("engine"):
        return None
    return Ref("engine", (looked.node, wish["engine"]))


def _names(looked: Looked, folder: str) -> tuple[str, ...]:
    found = looked.names.get(folder, ())
    if isinstance(found, Missing):
        return ()
    return found


def _entry(looked: Looked, path: str) -> Entry:
    """What lies there; nothing where its folder is not there either."""
    found = looked.entries.get(path, ABSENT)
    if isinstance(found, Missing):
        return ABSENT
    return found


def _content(looked: Looked, path: str) -> bytes:
    return _entry(looked, path).content or b""


def _fragment(wish: Wish, looked: Looked) -> str:
    """The unit's own file, which a mask may hide; "" for none."""
    state = unit_state.find_unit_state(looked, wish["name"])
    if isinstance(state, UnitState) and state.load == "loaded":
        return state.fragment
    paths = [f"{one}/{wish['name']}" for one in (OWN, *PACKAGED)]
    return next((path for path in paths if _entry(looked, path).kind == "file"), "")


def _install(wish: Wish, looked: Looked) -> Install:
    return parse_install(_content(looked, _fragment(wish, looked)), wish["name"])


def _find_problem(wish: Wish, looked: Looked, state: UnitState | Missing) -> str:
    """Why nothing can be done, "" where it can."""
    name = wish["name"]
    if isinstance(state, Missing):
        return state.reason
    if wish.get("masked") and (wish.get("running") or wish.get("enabled")):
        return "a unit that is masked can neither run nor start with the machine"
    if wish.get("masked") and _entry(looked, f"{OWN}/{name}").kind == "file":
        return f"{OWN}/{name} is a file of the owner's own: only without it can {name} be masked"
    if state.load == "masked" and wish.get("masked") is None and (wish.get("running") or wish.get("enabled")):
        return f"{name} is masked, and nobody said masked = false"
    if wish.get("enabled") and not _install(wish, looked).links and _install(wish, looked).plain:
        return f"{name} does not say in [Install] what starts it: it cannot be enabled"
    for one in _names(looked, f"{OWN}/{name}.d"):
        later = one.endswith(".conf") and one > DROP_IN and "drop_in" in wish
        overridden = find_overridden(wish.get("drop_in", {}), _content(looked, f"{OWN}/{name}.d/{one}") * later)
        if overridden:
            return f"{one}, which systemd reads after {DROP_IN}, says otherwise about {', '.join(overridden)}"
    return ""


def _find_changes(wish: Wish, looked: Looked, state: UnitState) -> _Todo | Missing:
    folders: dict[str, Change] = {}
    files: list[Change] = []
    for path, entry, what, words in (*_drop_in(wish, looked), *_links(wish, looked, state)):
        made = make_folders(looked, path)
        if isinstance(made, Missing):
            return made
        folders |= {one.subject.name: one for one in made if entry.kind != "absent"}
        stops = unit_state.interrupts(state) * path.endswith(DROP_IN)
        files.append(
            put_change(looked.node, Place(path=path, entry=_entry(looked, path)), entry, what, words, interrupts=stops)
        )
    commands = list(_commands(wish, looked, state, bool(files)))
    rewritten = any(one.subject.name.endswith(DROP_IN) for one in files)
    activate: tuple[Activation, ...] = (unit_state.RELOAD,) * bool(files)
    if rewritten and wish.get("running") is not False:
        activate += unit_state.restart(state)
    return _Todo((*folders.values(), *files, *commands), activate)


def _drop_in(wish: Wish, looked: Looked) -> Iterator[tuple[str, Entry, str, tuple[str, str]]]:
    """Our drop-in, where it is not as wished."""
    path = f"{OWN}/{wish['name']}.d/{DROP_IN}"
    if "drop_in" not in wish:
        return
    content = render_drop_in(wish["drop_in"])
    if _entry(looked, path).kind != "file" or _content(looked, path) != content:
        words = (_directives(wish, looked) or "(none)", describe_sections(wish["drop_in"]))
        yield path, only_content(content), f"drop-in {path}", words


def _links(wish: Wish, looked: Looked, state: UnitState) -> Iterator[tuple[str, Entry, str, tuple[str, str]]]:
    """Links that are missing or too many; those that are to go first."""
    name = wish["name"]
    own = _entry(looked, f"{OWN}/{name}")
    hidden = own.kind == "link" and own.target == NOTHING
    if wish.get("masked") is False and hidden:
        yield f"{OWN}/{name}", ABSENT, f"mask of {name}", ("masked", "not masked")
    if wish.get("masked") and not hidden:
        yield f"{OWN}/{name}", Entry(kind="link", target=NOTHING), f"mask of {name}", ("not masked", "masked")
    install = _install(wish, looked)
    if wish.get("enabled") and install.plain:
        for link in install.links:
            if _entry(looked, f"{OWN}/{link}").kind == "absent":
                after = Entry(kind="link", target=_fragment(wish, looked))
                yield f"{OWN}/{link}", after, f"link {link}", ("(none)", "there")
    if wish.get("enabled") is False and install.plain:
        for path in _linked(wish, looked):
            yield path, ABSENT, f"link {path.removeprefix(OWN + '/')}", ("there", "(none)")


def _linked(wish: Wish, looked: Looked) -> tuple[str, ...]:
    """Every link that lets the unit start with the machine, or gives it another name."""
    paths = [f"{OWN}/{one}/{wish['name']}" for one in _names(looked, OWN) if one.endswith(_LINKING)]
    paths += [f"{OWN}/{link}" for link in _install(wish, looked).links]
    return tuple(path for path in dict.fromkeys(paths) if _entry(looked, path).kind == "link")


def _commands(wish: Wish, looked: Looked, state: UnitState, files: bool) -> Iterator[Change]:
    """What only systemd can do: links that it alone can tell, starting and stopping. Files are read again first."""
    install, wished = _install(wish, looked), wish.get("enabled")
    enabled = state.enabled == "enabled"
    found = []
    if wished is not None and not install.plain and wished != enabled:
        found.append(("starts with the machine", enabled, ("disable", "enable")))
    if wish.get("running") is not None and wish["running"] != state.running:
        found.append(("runs", state.running, ("stop", "start")))
    if found and files:
        yield _command(
            looked, wish, "files that systemd has read", ("old", "new"), (unit_state.RELOAD, unit_state.RELOAD)
        )
    for what, before, verbs in found:
        do = RunCommand(argv=("systemctl", verbs[not before], wish["name"]), timeout_seconds=unit_state.RESTART_SECONDS)
        undo = RunCommand(argv=("systemctl", verbs[before], wish["name"]), timeout_seconds=unit_state.RESTART_SECONDS)
        stops = f"{wish['name']} stops, and what it serves" * (verbs[not before] == "stop")
        yield _command(looked, wish, what, (_SAID[before], _SAID[not before]), (do, undo), stops)


def _command(
    looked: Looked, wish: Wish, what: str, words: tuple[str, str], pair: tuple[RunCommand, RunCommand], stops: str = ""
) -> Change:
    return Change(
        subject=Ref("unit", (looked.node, wish["name"])),
        what=what,
        before=words[0],
        after=words[1],
        do=pair[0],
        undo=pair[1],
        interrupts=stops,
    )


def _directives(wish: Wish, looked: Looked) -> str:
    """What our drop-in holds now, where the wish speaks of it."""
    if "drop_in" not in wish:
        return ""
    return describe_sections(parse_drop_in(_content(looked, f"{OWN}/{wish['name']}.d/{DROP_IN}"))) or "(no drop-in)"


def _stands(state: UnitState | Missing, directives: str = "") -> str:
    if isinstance(state, Missing):
        return "(no such unit)"
    return ", ".join(one for one in (state.enabled, state.active, directives) if one)


def _wished(wish: Wish) -> str:
    told = [f"{key}: {_SAID[wish[key]]}" for key in ("enabled", "running", "masked") if key in wish]
    return ", ".join([*told, *(one for one in (describe_sections(wish.get("drop_in", {})),) if one)]) or "(as it is)"


STEP: Keeps = _Unit()
