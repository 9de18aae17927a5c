"""A node as it is, in the words of keepwell.toml: for others to be like it, and for itself to stay so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keepwell.app.desired.report import BaselineReport, LeftOut
from keepwell.app.desired.wishing import Place, open_place, propose
from keepwell.app.operation import Caller
from keepwell.app.targets import find_target
from keepwell.app.wiring import Wiring, wire
from keepwell.config.desired_model import DesiredEntry
from keepwell.config.render import render_key, render_value
from keepwell.config.sections import Key
from keepwell.conform.desired.look import look
from keepwell.conform.desired.portrait import ask_for
from keepwell.conform.desired.resolve import Wished
from keepwell.core.observation import Missing
from keepwell.core.secret import is_secret_name, mask_argv, mask_text
from keepwell.core.words import clean

A_SECRET = "it is, or looks like, a secret"
NOT_WRITTEN = "it cannot be written in keepwell.toml: give it as a source"


async def describe(caller: Caller, word: str) -> BaselineReport:
    """Find out what the node has, and write it as [[desired]]. Changes nothing."""
    async with wire(caller) as wiring:
        target = find_target(word, wiring.config, wiring.hands.name)
        async with open_place(wiring, target) as place:
            wished = await propose(wiring, caller, place, DesiredEntry())
            looked = await look(ask_for(wished), place.transport)
            copies = [(one, one.keeps.copy(one.wish, looked)) for one in wished]
            return render_baseline(place.transport.name, copies, head=_head(place, wiring))


def render_baseline(
    node: str, copies: Sequence[tuple[Wished, Mapping[str, Any] | Missing]], *, head: Sequence[str]
) -> BaselineReport:
    """The lines that describe a node, from what steps copied of it; secrets and what cannot be written are left out and
    said so. Pure.
    """
    lines = [*head]
    tables = 0
    left: list[LeftOut] = []
    for wished, values in copies:
        if isinstance(values, Missing):
            left.append(LeftOut(label=wished.label, key="", why=values.reason))
            continue
        table = _Table(wished=wished)
        lines += ["", f"[[desired.{wished.table}]]", *table.render(values)]
        left += table.left
        tables += 1
    if left:
        lines += ["", *(f"# left out: {clean(f'{one.label} {one.key}'.strip())}: {clean(one.why)}" for one in left)]
    return BaselineReport(node=node, text="\n".join(lines) + "\n", tables=tables, left_out=tuple(left))


@dataclass(slots=True)
class _Table:
    """Renders one table, and collects what is left out of it."""

    wished: Wished
    left: list[LeftOut] = field(default_factory=list)

    def render(self, values: Mapping[str, Any]) -> Iterator[str]:
        """Its lines, in the order of the step's keys."""
        fields = {key.field or key.name: key for key in self.wished.keeps.keys}
        for name, key in fields.items():
            if name in values:
                yield from self._key(key, values[name])
        for name in values:
            if name not in fields:
                self._leave(name, NOT_WRITTEN)

    def _key(self, key: Key, value: object) -> Iterator[str]:
        written = find_written(key, value)
        if isinstance(written, Missing) and isinstance(value, Mapping):
            written = self._fitting(key, value)
        if isinstance(written, Missing):
            self._leave(key.name, written.reason)
        else:
            yield from self._lines((key.name,), written)

    def _fitting(self, key: Key, value: Mapping[str, Any]) -> dict[str, Any]:
        """Those entries that can be written."""
        found: dict[str, Any] = {}
        for name, one in value.items():
            written = find_written(key, {name: one})
            if isinstance(written, Missing):
                self._leave(f"{key.name}.{name}", written.reason)
            else:
                found |= written
        return found

    def _lines(self, path: tuple[str, ...], value: object) -> Iterator[str]:
        name = ".".join(render_key(part) for part in path)
        if is_secret(path[-1], value):
            self._leave(".".join(path), A_SECRET)
        elif isinstance(value, Mapping) and value:
            for word, one in value.items():
                yield from self._lines((*path, str(word)), one)
        else:
            yield f"{name} = {render_value(value)}"

    def _leave(self, key: str, why: str) -> None:
        self.left.append(LeftOut(label=self.wished.label, key=key, why=why))


def find_written(key: Key, value: object) -> Any:
    """The TOML value that this key's shape reads as this value; Missing where there is none."""
    candidates: list[object] = [_plain(value), str(value)]
    if isinstance(value, int) and not isinstance(value, bool):
        candidates.append(f"{value:04o}")
    for one in candidates:
        try:
            if key.shape(one) == value:
                return _tupled(one)
        except ValueError:
            continue
    return Missing(kind="unknown", reason=NOT_WRITTEN)


def is_secret(name: str, value: object) -> bool:
    """Whether a value must not be shown: by its name, by its form, or by what it is an argument of."""
    if isinstance(value, str):
        return bool(value) and (is_secret_name(name) or mask_text(value) != value)
    if isinstance(value, tuple):
        texts = tuple(str(one) for one in value)
        return mask_argv(texts) != texts or (bool(texts) and is_secret_name(name))
    return False


def _head(place: Place, wiring: Wiring) -> list[str]:
    node = place.transport.name
    lines = ["[[desired]]", f"name = {render_value(f'like {node}'.replace('/', ' '))}"]
    known = {wiring.hands.name, *(one.name for one in wiring.config.nodes)}
    if node in known:
        return [*lines, f"nodes = [{render_value(node)}]"]
    return [*lines, "# nodes = [...], or tags = [...]: the machines that ought to be so; without either, every one"]


def _plain(value: object) -> object:
    """A value of a shape as TOML's reader would give it."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | frozenset):
        return [_plain(one) for one in value]
    return value


def _tupled(value: object) -> object:
    if isinstance(value, dict):
        return {name: _tupled(one) for name, one in value.items()}
    if isinstance(value, list):
        return tuple(_tupled(one) for one in value)
    return value
