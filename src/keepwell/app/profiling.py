"""Where the time of the gateway's requests goes, for a person: by model and replica, and what would pay most."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass

from keepwell.app.hub.opening import open_log
from keepwell.app.operation import Caller
from keepwell.app.serving.recorded import parse_wanted
from keepwell.app.wiring import find_state
from keepwell.store.requestlog.whole import each_request
from keepwell.store.requests import RequestRow
from keepwell.telemetry.profile import Change, Profile, find_best, find_profiles

#: How far back it looks, where nobody says.
SPAN = "24h"
#: Share of a span's seconds below which the best change is not worth a sentence.
LEAST_SHARE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileReport:
    """The answer of `profile`: from `since` to `until`, seconds since the epoch. `best` would pay most; None where
    nothing known would.
    """

    since: float
    until: float
    profiles: tuple[Profile, ...]
    best: Change | None = None
    best_at: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.profile/1"

    @property
    def exit_code(self) -> int:
        """Always 0."""
        return 0


def profile_requests(caller: Caller, *, since: str, route: str, node: str) -> ProfileReport:
    """What took the time of requests in a span that ends now. Raises ConfigurationError and AccessError."""
    now = time.time()
    wanted = parse_wanted(key="", route=route, failed=False, since=since or SPAN, now=now)
    with closing(open_log(caller)) as log:
        rows = each_request(find_state(caller), wanted.since, now, log)
        profiles = tuple(find_profiles(one for one in rows if _is_meant(one, route, node)))
    best = find_best(profiles)
    report = ProfileReport(since=wanted.since, until=now, profiles=profiles)
    whole = sum(one.total_seconds for one in profiles)
    if best is None or best[1].saves_seconds < LEAST_SHARE * whole:
        return report
    profile, change = best
    where = f"{profile.route} at {profile.replica}"
    return ProfileReport(since=wanted.since, until=now, profiles=profiles, best=change, best_at=where)


def _is_meant(row: RequestRow, route: str, node: str) -> bool:
    return (not route or route in (row.route, row.asked)) and (not node or row.replica.partition("/")[0] == node)
