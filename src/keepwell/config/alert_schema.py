"""The sections of keepwell.toml that are for alerts; see `schema`."""

from __future__ import annotations

import re
import zoneinfo

from keepwell.config import gateway_shapes, shapes
from keepwell.config.alert_model import AlertsEntry, NotifyEntry, QuietEntry, ThresholdEntry
from keepwell.config.sections import Key, Section

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_CHECK = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


def zone(value: shapes.Toml) -> str:
    """The name of a time zone that this machine knows."""
    name = shapes.text(value)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('a time zone like "Europe/Berlin" (Debian\'s package tzdata has them)') from None
    return name


def clock(value: shapes.Toml) -> str:
    """A time of day."""
    found = gateway_shapes.moment(value)
    if not _CLOCK.fullmatch(found):
        raise ValueError('a time of day like "22:00"')
    return found


def check_name(value: shapes.Toml) -> str:
    """A name as checks have it: `topic.property`."""
    found = shapes.text(value)
    if not _CHECK.fullmatch(found):
        raise ValueError('a name like "device.hot"')
    return found


def number(value: shapes.Toml) -> float:
    """Any number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) == float("inf"):
        raise ValueError("a number")
    return float(value)


def labels(value: shapes.Toml) -> dict[str, str]:
    """Labels of a series: a table of texts."""
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError('a table like {resource = "memory"}')
    return dict(value)


_ALERTS = (
    Key(
        name="hold",
        shape=shapes.duration,
        field="hold_critical_seconds",
        help="how long something critical must last before it counts; 20s if left out",
    ),
    Key(
        name="hold_warning",
        shape=shapes.duration,
        field="hold_warning_seconds",
        help="the same for a warning; 5m if left out",
    ),
    Key(
        name="clear",
        shape=shapes.duration,
        field="clear_seconds",
        help="how long it must be well before it is over; 1m if left out, and twice as long each time it comes back",
    ),
    Key(
        name="group",
        shape=shapes.duration,
        field="group_seconds",
        help="what comes within this time is one message; 45s if left out",
    ),
    Key(
        name="repeat",
        shape=shapes.duration,
        field="repeat_critical_seconds",
        help="how often something critical is told again until somebody says that they know; 1h if left out",
    ),
    Key(
        name="repeat_warning",
        shape=shapes.duration,
        field="repeat_warning_seconds",
        help="the same for a warning; 1d if left out",
    ),
    Key(
        name="settle",
        shape=shapes.duration,
        field="settle_seconds",
        help="how long what depended on something may stay wrong after it before that is told; 10m if left out",
    ),
    Key(name="zone", shape=zone, help="time zone of quiet hours and of times in messages; this machine's if left out"),
    Key(name="ignore", shape=shapes.texts, help="checks that nobody is told of, like settings.*"),
    Key(name="explain", shape=shapes.flag, help="look for the cause before people are told; true if left out"),
    Key(
        name="heartbeat",
        shape=shapes.secret,
        help="where an http address stands that is asked again and again, so that somebody outside notices silence",
    ),
    Key(
        name="heartbeat_every",
        shape=shapes.duration,
        field="heartbeat_seconds",
        help="how often; 1m if left out",
    ),
)

_NOTIFY = (
    Key(name="name", shape=shapes.label, required=True, help="label"),
    Key(
        name="address",
        shape=shapes.secret,
        required=True,
        help="where its address stands: ntfy://, gotify://, mailto:// and all others of Apprise, or alertmanager://",
    ),
    Key(name="least", shape=shapes.one_of("warning", "critical"), help="the least that it is told of; warning"),
)

_QUIET = (
    Key(name="from", shape=clock, field="begin", required=True, help='when they begin: "22:00"'),
    Key(name="to", shape=clock, field="end", required=True, help="when they end, written like from"),
    Key(name="days", shape=gateway_shapes.days, help="the days they begin on, mon to sun; every day if left out"),
    Key(
        name="critical",
        shape=shapes.one_of("tell", "wait"),
        help="what is critical: tell (the usual) at once, or wait until they end",
    ),
)

_THRESHOLD = (
    Key(name="name", shape=check_name, required=True, help="of one of keepwell's own to change it, or a new one"),
    Key(name="metric", shape=shapes.text, help="the number that is looked at"),
    Key(name="per", shape=shapes.text, help="another number of the same thing, by which it is divided"),
    Key(name="labels", shape=labels, help="only series with these labels"),
    Key(name="warning", shape=number, help="from here on it is a warning"),
    Key(name="warning_clear", shape=number, help="until here it stays one"),
    Key(name="critical", shape=number, help="from here on it is critical"),
    Key(name="critical_clear", shape=number, help="until here it stays so"),
    Key(name="over", shape=shapes.duration, field="over_seconds", help="its mean of this time counts, up to 10m"),
    Key(name="below", shape=shapes.flag, help="low is bad"),
    Key(name="say", shape=shapes.text, help="what is told, with {subject} and {value} in it"),
    Key(name="off", shape=shapes.flag, help="it does not count"),
)

ALERT_SECTIONS: tuple[Section, ...] = (
    Section(name="alerts", several=False, help="How people are told.", entry=AlertsEntry, field="alerts", keys=_ALERTS),
    Section(
        name="notify",
        several=True,
        help="Somebody who is told, by an address that stands in a file or a variable.",
        entry=NotifyEntry,
        field="notify",
        keys=_NOTIFY,
        distinct=("name",),
    ),
    Section(
        name="quiet",
        several=True,
        help="Hours in which nobody is told, of what is over neither.",
        entry=QuietEntry,
        field="quiet",
        keys=_QUIET,
    ),
    Section(
        name="threshold",
        several=True,
        help="A number that is bad from somewhere on.",
        entry=ThresholdEntry,
        field="thresholds",
        keys=_THRESHOLD,
        distinct=("name",),
    ),
)
