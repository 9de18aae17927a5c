"""Local times without a zone, as logs write them, as instants: by the node's own rules for summer time."""

from __future__ import annotations

import io
import struct
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from keepwell.core.event import Sure

#: Seconds that a log may go back without being wrong (two programs write into it).
SLACK_SECONDS = 5.0


class LocalTime:
    """The times of one log in the order of its lines.

    `certain` is False where the zone itself is a guess. An hour that comes twice (summer time ends) is told apart
    by what stood before: a log does not go back.
    """

    def __init__(self, zone: tzinfo, *, certain: bool = True) -> None:
        self._zone = zone
        self._certain = certain
        self._last = float("-inf")

    def instant(self, naive: datetime) -> tuple[float, Sure]:
        """Seconds since the epoch and how sure that is; ValueError for a time out of range."""
        try:
            first = naive.replace(tzinfo=self._zone, fold=0).timestamp()
            second = naive.replace(tzinfo=self._zone, fold=1).timestamp()
        except OverflowError as error:
            raise ValueError(f"out of range: {naive}") from error
        chosen = first
        if second > first and first < self._last - SLACK_SECONDS:
            chosen = second
        self._last = max(self._last, chosen)
        if first != second or not self._certain:
            return chosen, "zone"
        return chosen, "exact"


def parse_zone(content: bytes) -> tzinfo:
    """The rules in a TZif file such as /etc/localtime; ValueError for anything else."""
    try:
        return ZoneInfo.from_file(io.BytesIO(content))
    except (ValueError, struct.error, IndexError, OverflowError, EOFError) as error:
        raise ValueError(f"not a time zone: {error}") from error


def parse_offset(word: str) -> tzinfo:
    """The zone of a word such as `+0200`; ValueError for anything else."""
    offset = datetime.strptime(word.strip(), "%z").utcoffset() or timedelta()
    return timezone(offset)
