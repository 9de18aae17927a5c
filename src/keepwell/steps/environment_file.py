"""Keep variables of an environment file as they are wished: set, taken away or renamed; every other byte stays.

systemd's EnvironmentFile= and files that a shell sources are read by different rules, so each is written and read
again by its own. Of several assignments of a name the one that counts is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keepwell.config import environment_shapes, shapes
from keepwell.config.sections import Key
from keepwell.core.observation import Missing, Seen, unknown
from keepwell.core.ref import Ref
from keepwell.core.secret import MASK, is_secret_name, mask_text
from keepwell.core.step import Change
from keepwell.core.values import row_of, rows_of, text_of, texts_of
from keepwell.formats.environment_file import (
    CannotEdit,
    Reader,
    find_ignored,
    find_shadowed,
    guess_reader,
    parse_environment,
    remove_variable,
    rename_variable,
    set_variable,
)
from keepwell.formats.environment_spots import UnreadableFile
from keepwell.formats.words import MARK
from keepwell.plugins import unit_state
from keepwell.plugins.model_entries import Agreement, agree
from keepwell.plugins.putting import Place, find_content, find_paths, find_place, make_folders, only_content, with_mode
from keepwell.plugins.putting import put_change as put
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

READERS: tuple[Reader, ...] = ("systemd", "shell")
#: Bytes of an environment file; the largest in the wild have some kilobytes.
FILE_BYTES = 256 * 1024
#: Lines that are named in one note.
LINES = 5
KEYS = (
    Key(name="path", shape=shapes.path, required=True, help="the file"),
    Key(
        name="values",
        shape=environment_shapes.assignments,
        help="variables with their values; the others in the file stay",
    ),
    Key(name="absent", shape=environment_shapes.variables, help="variables that the file must not set"),
    Key(name="rename", shape=environment_shapes.renames, help="variables that get another name and keep their value"),
    Key(
        name="reader",
        shape=shapes.one_of(*READERS),
        help="who reads the file; without it the unit tells, else the file's own form",
    ),
    Key(name="unit", shape=environment_shapes.unit, help="the unit that reads it, restarted if it runs"),
    Key(
        name="engine", shape=shapes.label, help="the engine that reads it, as in its address; gets no traffic meanwhile"
    ),
    Key(name="list", shape=environment_shapes.variable, help="the variable that lists the models"),
    Key(name="entry", shape=environment_shapes.pattern, help='the variable of each model, like "MODEL_{name}_PATH"'),
    Key(
        name="separator",
        shape=environment_shapes.separator,
        help='what stands between items of the list, "," if left out',
    ),
    Key(
        name="agree",
        shape=shapes.one_of("list", "entries"),
        help="which of both is right where list and entries differ; without it they are only told",
    ),
)


class _EnvironmentFile:
    """The step; it holds no state."""

    title = "Keep variables of an environment file"
    table = "environment"
    keys: tuple[Key, ...] = KEYS

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """The file with its folders, and the unit that reads it."""
        commands = tuple(unit_state.ask_unit(one) for one in (_unit(wish),) if one)
        return Needs(paths=find_paths(looked, wish["path"]), commands=commands)

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """One change of the file, and the restart of what reads it."""
        place = find_place(looked, wish["path"])
        if isinstance(place, Missing):
            return place
        content = _find_settings(place)
        if isinstance(content, Missing):
            return content
        state = _state(wish, looked)
        reader = _reader(wish, state, place, content)
        try:
            after = _edited(content, reader, wish)
        except (UnreadableFile, CannotEdit) as error:
            return _refused(wish, looked, place, str(error))
        return _drift(wish, looked, _Edit(place, content, after, reader))

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """With all variables of the file there; what the wish says itself counts more."""
        place = find_place(looked, wish["path"])
        if isinstance(place, Missing):
            return place
        content = _find_settings(place)
        if isinstance(content, Missing):
            return content
        try:
            found = parse_environment(content, _reader(wish, _state(wish, looked), place, content))
        except UnreadableFile as error:
            return unknown(f"{place.path}: {error}")
        left = {name: value for name, value in found.items() if name not in _named(wish)}
        untold = [name for name, value in left.items() if value is None]
        if untold:
            return unknown(f"only a shell can tell {', '.join(untold)} in {place.path}: name what they should be")
        told = {name: _utf8(value) for name, value in left.items() if value is not None}
        return {**wish, "values": {**told, **wish.get("values", {})}}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """The environment files of units that run engines."""
        names = {
            text_of(row_of(one.value), "unit"): one.subject.name
            for one in seen.named("engine.supervisor")
            if one.subject.node == node
        }
        found: dict[str, Wish] = {}
        for row in rows_of(seen.value(Ref("node", (node,)), "host.units")):
            unit, scope = text_of(row, "unit"), text_of(row, "scope")
            if text_of(row, "manager") != "systemd" or scope != "system" or not text_of(row, "engine"):
                continue
            engine = names.get(unit) or text_of(row, "engine")
            for path in texts_of(row.get("environment_files")):
                found.setdefault(path, {"path": path, "unit": unit, "engine": engine})
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Edit:
    """The file as it is and as it would be."""

    place: Place
    before: bytes
    after: bytes
    reader: Reader


def _find_settings(place: Place) -> bytes | Missing:
    content = find_content(place)
    if isinstance(content, bytes) and len(content) > FILE_BYTES:
        return unknown(f"{place.path} has more than {FILE_BYTES} bytes: no file of settings")
    return content


def _unit(wish: Wish) -> str:
    return str(wish.get("unit") or unit_state.usual_unit(wish.get("engine", "")))


def _state(wish: Wish, looked: Looked) -> unit_state.UnitState | Missing | None:
    """How the unit stands that reads the file; None where the wish names none."""
    if not _unit(wish):
        return None
    return unit_state.find_unit_state(looked, _unit(wish))


def _reader(wish: Wish, state: unit_state.UnitState | Missing | None, place: Place, content: bytes) -> Reader:
    """As the wish says, as the unit says, else as the file looks."""
    for reader in READERS:
        if wish.get("reader") == reader:
            return reader
    if isinstance(state, unit_state.UnitState) and {wish["path"], place.path} & set(state.environment_files):
        return "systemd"
    return guess_reader(content)


def _named(wish: Wish) -> set[str]:
    """The variables that the wish says something about."""
    return {*wish.get("values", {}), *wish.get("absent", ()), *wish.get("rename", {}), *wish.get("rename", {}).values()}


def _edited(content: bytes, reader: Reader, wish: Wish) -> bytes:
    both = {*wish.get("values", {})} & {*wish.get("absent", ()), *wish.get("rename", {})}
    if both:
        raise CannotEdit(f"{', '.join(sorted(both))} is wished to be set and not to be set")
    for old, new in wish.get("rename", {}).items():
        content = rename_variable(content, reader, old, new)
    for name, value in wish.get("values", {}).items():
        content = set_variable(content, reader, name, value)
    for name in wish.get("absent", ()):
        content = remove_variable(content, reader, name)
    agreement = _agreement(wish)
    if agreement is not None:
        content = agree(content, reader, agreement)
    return content


def _agreement(wish: Wish) -> Agreement | None:
    """How list and entries belong together; None where the wish does not say."""
    if "list" not in wish and "entry" not in wish:
        return None
    if "list" not in wish or "entry" not in wish:
        raise CannotEdit("list and entry belong together: name both")
    return Agreement(
        list_name=wish["list"],
        entry=wish["entry"],
        separator=wish.get("separator", ","),
        right=wish.get("agree", ""),
    )


def _drift(wish: Wish, looked: Looked, edit: _Edit) -> Drift | Missing:
    state = _state(wish, looked)
    before, after = _values(edit.before, edit.reader), _values(edit.after, edit.reader)
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name, "\n") != after.get(name, "\n")]
    names = names or sorted(_named(wish))
    words = (_shown(before, names), _shown(after, names))
    changes: tuple[Change, ...] = ()
    if edit.after != edit.before:
        folders = make_folders(looked, edit.place.path)
        if isinstance(folders, Missing):
            return folders
        wished = only_content(edit.after)
        if edit.place.entry.kind == "absent":
            wished = with_mode(wished, 0o600 + 0o044 * (not any(is_secret_name(name) for name in after)))
        what, stops = f"variables in {edit.place.path}", unit_state.interrupts(state)
        changes = (*folders, put(looked.node, edit.place, wished, what, words, interrupts=stops))
    untold: tuple[str, ...] = ()
    if changes and isinstance(state, Missing):
        untold = (f"nothing is restarted: {state.reason}",)
    return Drift(
        subject=Ref("path", (looked.node, edit.place.path)),
        before=words[0],
        after=words[1],
        changes=changes,
        activate=unit_state.restart(state) * bool(changes),
        engine=_engine(wish, looked),
        kept=(*_kept(edit, _named(wish)), *untold),
    )


def _engine(wish: Wish, looked: Looked) -> Ref | None:
    if not wish.get("engine"):
        return None
    return Ref("engine", (looked.node, wish["engine"]))


def _values(content: bytes, reader: Reader) -> dict[str, str]:
    return {name: _utf8(value) for name, value in parse_environment(content, reader).items()}


def _utf8(value: str | None) -> str:
    if value is None:
        return "(only a shell can tell)"
    return value.encode("latin-1").decode("utf-8", "replace")


def _shown(values: Mapping[str, str], names: list[str]) -> str:
    """Each name with its value, secrets hidden."""
    words = []
    for name in names:
        value = "(not set)"
        if name in values:
            value = {True: MASK}.get(is_secret_name(name), mask_text(values[name]))
        words.append(f"{name}={value}")
    return ", ".join(words) or "(nothing)"


def _kept(edit: _Edit, names: set[str]) -> tuple[str, ...]:
    """What stays and does not count."""
    kept = [
        f"{name} is also set in {_lines(lines)}, which the last assignment makes void"
        for name, lines in find_shadowed(edit.after, edit.reader).items()
        if name in names
    ]
    if edit.after.startswith(MARK.encode("latin-1")):
        kept.append("the mark of UTF-8 before its first line, which hides that line's variable from its reader")
    ignored = find_ignored(edit.after, edit.reader)
    if ignored:
        kept.append(f"{_lines(ignored)}: systemd passes over it, for it sets no variable")
    return tuple(kept)


def _lines(lines: tuple[int, ...]) -> str:
    more = f" and {len(lines) - LINES} more" * (len(lines) > LINES)
    return f"line {', '.join(map(str, lines[:LINES]))}{more}"


def _refused(wish: Wish, looked: Looked, place: Place, why: str) -> Drift:
    return Drift(
        subject=Ref("path", (looked.node, place.path)),
        before="(see the problem)",
        after=_shown(wish.get("values", {}), list(wish.get("values", {}))),
        problem=f"{place.path}: {why}",
    )


STEP: Keeps = _EnvironmentFile()
