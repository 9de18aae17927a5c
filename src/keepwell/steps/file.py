"""Keep a whole file as it is wished: its bytes, owner and mode; or a link; or that nothing lies there.

For compose files, unit files, scripts: what is one owner's text from its first byte to its last. Of what others write
into too, single settings are kept by other tables.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

from keepwell.config import environment_shapes, shapes
from keepwell.config.sections import Key
from keepwell.config.wish_shapes import DOCUMENT_CHARACTERS, document, mode
from keepwell.core.entry import Entry, is_as_wished
from keepwell.core.observation import Missing, Seen, absent, unknown
from keepwell.core.ref import Ref
from keepwell.core.values import rows_of, text_of, texts_of
from keepwell.plugins import unit_state
from keepwell.plugins.accounts import find_ids, need_accounts, say_owner
from keepwell.plugins.putting import Place, make_folders, put_change
from keepwell.plugins.whole_file import needed_paths
from keepwell.plugins.wish import CONTENT, SOURCE, Drift, Keeps, Looked, Needs, Wish

#: Where systemd reads units from; it must be told when one changes.
UNITS = ("/etc/systemd/system/", "/usr/local/lib/systemd/system/")
#: Where an owner's own units and drop-ins lie.
OWN = "/etc/systemd/"
#: Digits of a digest that tell two files apart for a reader.
DIGITS = 12
_KINDS = ("text", SOURCE, "link", "absent")
KEYS = (
    Key(name="path", shape=shapes.path, required=True, help="where it lies"),
    Key(name=SOURCE, shape=shapes.text, help="a file of the repository, or beside keepwell.toml, that it is a copy of"),
    Key(name="text", shape=document, help="what stands in it"),
    Key(name="link", shape=shapes.text, help="where it points, if it is a symbolic link"),
    Key(name="absent", shape=shapes.flag, help="true: nothing lies there"),
    Key(name="owner", shape=shapes.user, help="whose it is, by name or number"),
    Key(name="group", shape=shapes.user, help="its group, by name or number"),
    Key(name="mode", shape=mode, help='its permission bits, like "0640"; a new file has 0644'),
    Key(name="unit", shape=environment_shapes.unit, help="the unit that reads it, restarted if it runs"),
    Key(
        name="engine", shape=shapes.label, help="the engine that reads it, as in its address; gets no traffic meanwhile"
    ),
)


class _File:
    """The step; it holds no state."""

    title = "Keep a whole file"
    table = "file"
    keys: tuple[Key, ...] = KEYS

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """What lies there, whose it is to be, and the unit that reads it."""
        asked = need_accounts((wish.get("owner", ""),), (wish.get("group", ""),))
        units = tuple(unit_state.ask_unit(one) for one in (_unit(wish),) if one)
        return Needs(
            paths=(*needed_paths(wish["path"]), *asked.paths),
            folders=(unit_state.BOOTED,) * wish["path"].startswith(UNITS),
            commands=(*asked.commands, *units),
        )

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """One change, after one for each folder above that is not there."""
        found = looked.entries.get(wish["path"], unknown(f"{wish['path']} was not looked at"))
        if isinstance(found, Missing):
            return found
        ids = find_ids(looked, wish.get("owner", ""), wish.get("group", ""))
        if isinstance(ids, Missing) and ids.kind != "absent":
            return ids
        problem = _find_problem(wish, found, ids)
        if isinstance(ids, Missing) or problem:
            return Drift(
                subject=_subject(wish, looked), before=_say(found, looked), after="(see the problem)", problem=problem
            )
        wished = _find_wished(wish, found, ids)
        if isinstance(wished, Missing):
            return wished
        if is_as_wished(found, wished):
            said = _say(found, looked)
            return Drift(subject=_subject(wish, looked), before=said, after=said)
        return _drift(wish, looked, _Pair(found, wished))

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """With what lies there, whose it is and its mode; nothing there is no wish that nothing lies elsewhere."""
        found = looked.entries.get(wish["path"], unknown(f"{wish['path']} was not looked at"))
        if isinstance(found, Missing):
            return found
        if found.kind not in ("file", "link"):
            return absent(f"{wish['path']} is no file there")
        told: dict[str, object]
        if found.kind == "link":
            told = {"link": found.target}
            return {**{key: one for key, one in told.items() if not _is_told(wish)}, **wish}
        owner, _, group = say_owner(looked, found.uid, found.gid).partition(":")
        told = {"owner": owner, "group": group, "mode": found.mode}
        if not _is_told(wish):
            if found.content is None:
                return unknown(f"{wish['path']} is too large to be copied: name it as a source")
            told |= _text_or_bytes(found.content)
        return {**told, **wish}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """The owner's own units and drop-ins of engines."""
        paths: list[str] = []
        for row in rows_of(seen.value(Ref("node", (node,)), "host.units")):
            if text_of(row, "manager") == "systemd" and text_of(row, "engine"):
                paths += [text_of(row, "fragment"), *texts_of(row.get("drop_ins"))]
        return tuple({"path": one} for one in dict.fromkeys(paths) if one.startswith(OWN))


@dataclass(frozen=True, slots=True)
class _Pair:
    """What lies there, and what is wished there."""

    found: Entry
    wished: Entry


def _is_told(wish: Wish) -> bool:
    return any(key in wish for key in (*_KINDS, CONTENT))


def _text_or_bytes(content: bytes) -> dict[str, object]:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {CONTENT: content}
    if len(text) > DOCUMENT_CHARACTERS or "\0" in text:
        return {CONTENT: content}
    return {"text": text}


def _unit(wish: Wish) -> str:
    return str(wish.get("unit") or unit_state.usual_unit(wish.get("engine", "")))


def _subject(wish: Wish, looked: Looked) -> Ref:
    return Ref("path", (looked.node, wish["path"]))


def _find_problem(wish: Wish, found: Entry, ids: tuple[int, int] | Missing) -> str:
    """Why it cannot, or must not, be so; "" for nothing."""
    told = [key for key in _KINDS if wish.get(key) not in (None, False)]
    if len(told) > 1:
        return f"{' and '.join(told)} are wished of one path: only one can be"
    if isinstance(ids, Missing):
        return f"{ids.reason}; a table `account` makes it, and the next plan this file"
    if found.kind == "folder":
        return f"{wish['path']} is a folder"
    if found.kind == "link" and not {"link", "absent"} & set(told):
        return f"{wish['path']} is a link to {found.target}: name the file that it leads to"
    if found.kind == "absent" and not told and CONTENT not in wish:
        return f"nothing lies at {wish['path']}, and nobody said what should: give text, source or link"
    return ""


def _find_wished(wish: Wish, found: Entry, ids: tuple[int, int]) -> Entry | Missing:
    if wish.get("absent"):
        return Entry(kind="absent")
    if "link" in wish:
        return Entry(kind="link", target=wish["link"], uid=ids[0], gid=ids[1])
    content = wish.get(CONTENT)
    if "text" in wish:
        content = wish["text"].encode()
    if SOURCE in wish and content is None:
        return unknown(f"{wish[SOURCE]} was not read")
    if found.content is None and found.kind == "file" and content is not None:
        return unknown(f"{wish['path']} is too large to be kept in a plan")
    usual = {"absent": 0o644}.get(found.kind, -1)
    return Entry(kind="file", content=content, uid=ids[0], gid=ids[1], mode=wish.get("mode", usual))


def _drift(wish: Wish, looked: Looked, pair: _Pair) -> Drift | Missing:
    folders = make_folders(looked, wish["path"])
    if isinstance(folders, Missing):
        return folders
    state = None
    if _unit(wish):
        state = unit_state.find_unit_state(looked, _unit(wish))
    words = (_say(pair.found, looked), _say_wished(pair, looked))
    place = Place(path=wish["path"], entry=pair.found)
    stops = unit_state.interrupts(state)
    change = put_change(looked.node, place, pair.wished, wish["path"], words, interrupts=stops)
    engine = None
    if wish.get("engine"):
        engine = Ref("engine", (looked.node, wish["engine"]))
    kept: tuple[str, ...] = ()
    if isinstance(state, Missing):
        kept = (f"nothing is restarted: {state.reason}",)
    return Drift(
        subject=_subject(wish, looked),
        before=words[0],
        after=words[1],
        changes=(*folders * (pair.wished.kind != "absent"), change),
        activate=(*unit_state.reload(looked) * wish["path"].startswith(UNITS), *unit_state.restart(state)),
        engine=engine,
        kept=kept,
    )


def _say(entry: Entry, looked: Looked) -> str:
    if entry.kind == "absent":
        return "(nothing)"
    if entry.kind == "link":
        return f"a link to {entry.target}"
    if entry.kind == "folder":
        return "a folder"
    return f"{_say_content(entry.content)}, {say_owner(looked, entry.uid, entry.gid)}, mode {entry.mode:04o}"


def _say_wished(pair: _Pair, looked: Looked) -> str:
    """In words; of a text that is changed how many lines go and come, for they may hold secrets."""
    found, wished = pair.found, pair.wished
    if wished.kind != "file":
        return _say(wished, looked)
    said = []
    if wished.content is not None and wished.content != found.content:
        said.append(_say_content(wished.content) + _say_lines(found.content, wished.content))
    if max(wished.uid, wished.gid) >= 0:
        said.append(say_owner(looked, _or(wished.uid, found.uid), _or(wished.gid, found.gid)))
    if wished.mode >= 0:
        said.append(f"mode {wished.mode:04o}")
    return ", ".join(said)


def _or(number: int, other: int) -> int:
    return {True: number}.get(number >= 0, other)


def _say_content(content: bytes | None) -> str:
    if content is None:
        return "a large file"
    return f"{len(content)} bytes ({hashlib.sha256(content).hexdigest()[:DIGITS]})"


def _say_lines(before: bytes | None, after: bytes) -> str:
    if not before:
        return ""
    gone, come = Counter(before.splitlines()), Counter(after.splitlines())
    return f", {(gone - come).total()} lines go, {(come - gone).total()} come"


STEP: Keeps = _File()
