"""The contract of a notifier: a file in `notify/` that ends in `NOTIFIER: Notifier`. How people are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

Severity: TypeAlias = Literal["warning", "critical", "resolved", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message to people: a title of a line, a body in plain text, how much it matters, and for programs the same as
    labels and annotations. `id` is the incident's: the same for its recovery. Instants are seconds since the epoch;
    `ended_at` is 0 while it lasts.
    """

    id: str
    title: str
    body: str
    severity: Severity
    began_at: float
    ended_at: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Notifier(Protocol):
    """`title` names it for people; `schemes` are the beginnings of addresses that it takes ("ntfy", "mailto"), ("*",)
    is any that no other one takes. `renews_seconds` is 0 for people; a program that forgets what nobody repeats gets
    each incident by itself, again so often until it is over.
    """

    title: str
    schemes: tuple[str, ...]
    renews_seconds: float

    def send(self, address: str, notice: Notice) -> str:
        """Deliver to one address; "" when it was taken, else why not, without any secret of the address. Blocks: it is
        called in a process or thread of its own with a limit on time. Raises only on a bug.
        """
        ...
