"""A step that keeps lines in files, small enough to see through, and groups that wish them."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.config import shapes, wish_shapes
from keepwell.config.desired_model import DesiredEntry
from keepwell.config.sections import Key
from keepwell.conform.desired.resolve import Wished, make_label
from keepwell.core.entry import Entry
from keepwell.core.observation import Missing, Seen, absent
from keepwell.core.ref import Ref, engine
from keepwell.core.step import Change, Put, RunCommand, reverse
from keepwell.plugins.wish import Drift, Looked, Needs, Wish

RESTART = RunCommand(argv=("restart",))


class Lines:
    """Keeps NAME=value lines of a file; with `engine`, that engine reads them."""

    title = "Lines of a file"
    table = "lines"
    keys = (
        Key(name="path", shape=shapes.path, required=True, help="the file"),
        Key(name="values", shape=wish_shapes.values, help="names with values"),
        Key(name="engine", shape=shapes.text, help="the engine that reads it"),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        return Needs(paths=(wish["path"],))

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        path = wish["path"]
        entry = looked.entries[path]
        if isinstance(entry, Missing):
            return entry
        if entry.kind == "folder":
            return absent(f"{path} is a folder")
        there = parse(entry)
        wished = {**there, **wish.get("values", {})}
        subject = Ref("path", (looked.node, path))
        kept = tuple(name for name in there if name not in wish.get("values", {}))
        reader = None
        if "engine" in wish:
            reader = engine(looked.node, wish["engine"])
        if wished == there:
            return Drift(subject=subject, before=str(there), after=str(wished), engine=reader, kept=kept)
        content = "".join(f"{name}={value}\n" for name, value in wished.items()).encode()
        put = Put(path=path, before=entry, after=Entry(kind="file", content=content))
        change = Change(subject=subject, what="lines", before=str(there), after=str(wished), do=put, undo=reverse(put))
        activate = (RESTART,) * (reader is not None)
        return Drift(
            subject=subject,
            before=str(there),
            after=str(wished),
            changes=(change,),
            activate=activate,
            engine=reader,
            kept=kept,
        )

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        entry = looked.entries[wish["path"]]
        if isinstance(entry, Missing):
            return entry
        if entry.kind == "absent":
            return absent("no such file")
        return {**wish, "values": {**parse(entry), **wish.get("values", {})}}

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        return ()


def parse(entry: Entry) -> dict[str, str]:
    """The lines of what lies there."""
    pairs = [line.partition("=") for line in (entry.content or b"").decode().splitlines()]
    return {name: value for name, _, value in pairs}


def wish(path: str, *, group: DesiredEntry | None = None, engine: str = "", **values: str) -> Wished:
    """A table of `Lines`."""
    table: dict[str, str | Mapping[str, str]] = {"path": path, "values": values}
    if engine:
        table["engine"] = engine
    keeps = Lines()
    label = make_label(keeps, table)
    return Wished(group=group or DesiredEntry(name="made"), step="lines_of", keeps=keeps, wish=table, label=label)


def looked(**contents: str) -> Looked:
    """Files by name, below /."""
    entries = {f"/{name}": Entry(kind="file", content=text.encode(), mode=0o644) for name, text in contents.items()}
    return Looked(node="made", entries=entries)
