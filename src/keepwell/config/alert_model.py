"""What keepwell.toml declares for alerts: how they are decided, who is told, when it is quiet, what is too much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keepwell.config.secret_reference import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsEntry:
    """How alerts are decided; the seconds are those of `keepwell.alerts.rules`.

    `zone` is that of the quiet hours and of times in messages ("" is this machine's), `ignore` are patterns of checks
    that nobody is told of; with `explain` the cause is looked for before people are told. `heartbeat` is an address
    that is asked every `heartbeat_seconds`, so that its owner notices when keepwell itself is silent.
    """

    hold_critical_seconds: float = 20.0
    hold_warning_seconds: float = 300.0
    clear_seconds: float = 60.0
    group_seconds: float = 45.0
    repeat_critical_seconds: float = 3600.0
    repeat_warning_seconds: float = 86_400.0
    settle_seconds: float = 600.0
    zone: str = ""
    ignore: tuple[str, ...] = ()
    explain: bool = True
    heartbeat: Secret | None = None
    heartbeat_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyEntry:
    """An outlet: where its address stands, and the least that it is told of, "warning" or "critical"."""

    name: str
    address: Secret
    least: str = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietEntry:
    """Hours in which nobody is told: "HH:MM" to "HH:MM" on each of `days` ("mon" to "sun", () for every day; an end
    before its begin is on the next day). `critical`: what is critical is told all the same ("tell") or waits ("wait").
    """

    begin: str
    end: str
    days: tuple[str, ...] = ()
    critical: str = "tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdEntry:
    """A threshold of the owner, or a change to one of keepwell's own by its name; None and "" are what that says.

    See `keepwell.alerts.thresholds` for what the figures mean. `off` takes it away.
    """

    name: str
    metric: str = ""
    per: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    warning: float | None = None
    warning_clear: float | None = None
    critical: float | None = None
    critical_clear: float | None = None
    over_seconds: float | None = None
    below: bool | None = None
    say: str = ""
    off: bool = False
