"""What is kept of alerts: conditions, incidents, and letters that wait to be delivered, in one file.

`alerts/state.json` in the state folder, for its owner alone; replaced whole, so that after a crash what was decided and
what must still be sent for it go together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from keepwell.core.errors import DamagedError
from keepwell.core.finding import Status
from keepwell.store.folder import read_private, replace_private

FILE_NAME = "alerts/state.json"
SCHEMA = "keepwell-alerts/1"
#: Bytes of the file: five thousand conditions and some hundred letters.
STATE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One finding that is not well, followed over time; pending until it is part of an `incident`.

    `source` said it last, at `heard_at` by the source's own time. `since` is when it began, `critical_since` and
    `well_since` since when it is critical and well without a break (0: it is not). `relapses` is how often it came back
    shortly after it had gone. `severity` is what counts: a status that held for long enough; OK while pending.
    """

    check: str
    subject: str
    source: str
    status: Status
    message: str
    since: float
    heard_at: float
    critical_since: float = 0.0
    well_since: float = 0.0
    severity: Status = Status.OK
    incident: str = ""
    relapses: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What was known of the cause at that moment: the likeliest one, what to do, and the exact commands.

    `issue` is "" where none is likely enough; then `commands` look further. `why_not` says why nobody could look.
    """

    issue: str = ""
    title: str = ""
    confidence: float = 0.0
    fix: str = ""
    commands: tuple[str, ...] = ()
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Conditions with one root, told of as one.

    `root` is the key of the condition that the others depend on, `message`, `check` and `subject` its words; `worst` is
    the severity now, `most` the highest there was. `told` is the highest that people were told (OK: nothing yet),
    `told_root` of which root, `told_at` when last, `news_at` when there was last something new in it. Nothing is told
    before `due_at`. `keys` are conditions that ever were part of it, `folded` incidents that turned out to be this one.
    """

    id: str
    root: str
    check: str
    subject: str
    message: str
    began_at: float
    due_at: float
    worst: Status
    most: Status
    told: Status = Status.OK
    told_root: str = ""
    told_at: float = 0.0
    news_at: float = 0.0
    ended_at: float = 0.0
    acked_at: float = 0.0
    acked_by: str = ""
    keys: tuple[str, ...] = ()
    folded: tuple[str, ...] = ()
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A condition that is gone: until when a return of it is a relapse, and how many there were."""

    until: float
    relapses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """All that a decision goes by beside what is found now. `sent` is when the last messages went out."""

    conditions: Mapping[str, Condition] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    resting: Mapping[str, Rest] = field(default_factory=dict)
    sent: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message on its way to one outlet. `incidents` are those that it tells of; `recovery` that they are over.

    `number` grows from letter to letter. Nothing is tried before `next_at`; `problem` is what came of the last try.
    """

    number: int
    outlet: str
    id: str
    title: str
    body: str
    severity: str
    made_at: float
    began_at: float
    ended_at: float = 0.0
    incidents: tuple[str, ...] = ()
    recovery: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    tries: int = 0
    next_at: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletState:
    """How delivery to one outlet goes: when it last took something, since when it does not (0: it does), what it said,
    and incidents that it was never told of because that failed for too long.
    """

    taken_at: float = 0.0
    failing_since: float = 0.0
    problem: str = ""
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFile:
    """The whole file."""

    state: AlertState = field(default_factory=AlertState)
    letters: tuple[Letter, ...] = ()
    outlets: Mapping[str, OutletState] = field(default_factory=dict)
    last_number: int = 0


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    alerts: AlertFile


def load_alerts(state: Path) -> AlertFile:
    """What was kept; nothing where there is no file. Raises DamagedError for one that cannot be used."""
    path = state / FILE_NAME
    try:
        return parse_alerts(read_private(path, STATE_BYTES))
    except FileNotFoundError:
        return AlertFile()
    except ValueError as error:  # also what msgspec raises
        hint = "move the file away: what is wrong now is then told anew"
        raise DamagedError(f"the state of alerts cannot be used: {error}", where=str(path), hint=hint) from error


def save_alerts(state: Path, alerts: AlertFile) -> None:
    """Put it in its place, durably. Raises AccessError."""
    replace_private(state / FILE_NAME, render_alerts(alerts))


def parse_alerts(content: bytes) -> AlertFile:
    """The inverse of `render_alerts`; ValueError says what does not fit."""
    document = msgspec.json.decode(content, type=_Document)
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    return document.alerts


def render_alerts(alerts: AlertFile) -> bytes:
    """As JSON."""
    return msgspec.json.encode(_Document(schema=SCHEMA, alerts=alerts))
