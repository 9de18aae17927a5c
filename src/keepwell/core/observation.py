"""Observation: what was seen, about what, when, by whom; or why nothing was seen.

Three kinds of not-there are never mixed: *absent* (looked, it is not there), *unknown* (not looked) and
*failed* (could not look, and why). A `Missing` refuses arithmetic and truth, so that no sum or check can
take one of them for 0 or False.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeAlias

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.ref import Ref

Scalar: TypeAlias = bool | int | float | str
#: What can be seen: a JSON value without null. Mappings and tuples are never changed after they are made.
Value: TypeAlias = "Scalar | tuple[Value, ...] | Mapping[str, Value]"
MissingKind: TypeAlias = Literal["absent", "unknown", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Why there is no value. `kind` is absent, unknown or failed; `reason` is a sentence for a person."""

    kind: MissingKind
    reason: str

    def __bool__(self) -> NoReturn:
        raise TypeError(f"a Missing value has no truth ({self.kind}: {self.reason}); ask isinstance(x, Missing)")

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}"


def absent(reason: str) -> Missing:
    """Looked, and it is not there."""
    return Missing(kind="absent", reason=reason)


def unknown(reason: str) -> Missing:
    """Not looked, on purpose or because nothing here can."""
    return Missing(kind="unknown", reason=reason)


def failed(reason: str | AccessError) -> Missing:
    """Could not look; a NotThere error becomes `absent`, any other stays `failed`."""
    if isinstance(reason, NotThere):
        return absent(str(reason))
    return Missing(kind="failed", reason=str(reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One thing seen about one subject.

    `name` is a declared name (see `keepwell.metrics`); `at` is wall time in seconds since the epoch;
    `source` is the exact command, path or URL that a person could repeat; `seconds` is what looking cost.
    """

    subject: Ref
    name: str
    value: Value | Missing
    at: float
    source: str
    seconds: float = 0.0


class Seen:
    """An immutable, indexed set of observations: all that a check gets.

    The newest observation wins where two share subject and name. Look-ups are O(1); iteration keeps order.
    """

    __slots__ = ("_by_key", "_by_name")

    def __init__(self, observations: Iterable[Observation] = ()) -> None:
        self._by_key: dict[tuple[Ref, str], Observation] = {}
        for one in observations:
            old = self._by_key.get((one.subject, one.name))
            if old is None or one.at >= old.at:
                self._by_key[one.subject, one.name] = one
        self._by_name: dict[str, list[Observation]] = {}
        for one in self._by_key.values():
            self._by_name.setdefault(one.name, []).append(one)

    def __iter__(self) -> Iterator[Observation]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def named(self, name: str) -> tuple[Observation, ...]:
        """All observations of this name, one a subject; () when nobody looked."""
        return tuple(self._by_name.get(name, ()))

    def find(self, subject: Ref, name: str) -> Observation | None:
        """The observation of this name about this subject, or None when nobody looked."""
        return self._by_key.get((subject, name))

    def value(self, subject: Ref, name: str) -> Value | Missing:
        """The value; `Missing(unknown)` when nobody looked."""
        found = self._by_key.get((subject, name))
        if found is None:
            return unknown(f"{name} was not looked at")
        return found.value

    def subjects(self, kind: str) -> tuple[Ref, ...]:
        """All subjects of this kind that anything was observed about, in order of first sight."""
        return tuple(dict.fromkeys(subject for subject, _ in self._by_key if subject.kind == kind))
