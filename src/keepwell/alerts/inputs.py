"""What a decision is made of: findings by source, the time, and what people said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import NamedTuple

from keepwell.alerts.rules import Rules
from keepwell.alerts.tree import Tree
from keepwell.core.finding import Finding, Status
from keepwell.store.alert_desk import Ack
from keepwell.store.alert_state import Explanation


class Pin(NamedTuple):
    """What one source found at one instant: all that it finds, so that what is missing is well."""

    source: str
    at: float
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All that counts beside the state. `now` is in seconds since the epoch.

    `acks` are by incident; `maintained` are Refs as text of what is being worked on, with all that depends on it;
    `quiet` are severities that nobody is told of now; `explained` are causes by incident. `zone` is for times in
    messages, None for this machine's.
    """

    now: float
    pins: tuple[Pin, ...] = ()
    acks: Mapping[str, Ack] = field(default_factory=dict)
    maintained: frozenset[str] = frozenset()
    quiet: frozenset[Status] = frozenset()
    explained: Mapping[str, Explanation] = field(default_factory=dict)
    tree: Tree = field(default_factory=Tree)
    rules: Rules = field(default_factory=Rules)
    zone: tzinfo | None = None
