"""Units and containers of engines that ought to run and behind which nothing serves. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from keepwell.core.observation import Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, rows_of, text_of
from keepwell.plugins.engine import Engine

#: States of a unit that say that it ought to run; an inactive one counts if it is enabled.
WANTED_STATES = frozenset({"active", "failed", "activating", "deactivating", "reloading"})
ENABLED = frozenset({"enabled", "enabled-runtime", "linked", "linked-runtime"})
#: Exit codes of a container that somebody stopped: 0, SIGTERM, and SIGKILL after the grace time.
STOPPED_CODES = frozenset({0, 143, 137})


def list_idle(
    node: Ref, seen: Seen, engines: Mapping[str, Engine], served: Collection[int]
) -> list[Mapping[str, Value]]:
    """The rows of `host.units` and `host.containers` of engines that ought to run and run none that serves.

    `served` are the pids that serve.
    """
    units = [
        row
        for row in rows_of(seen.value(node, "host.units"))
        if text_of(row, "active") in WANTED_STATES or text_of(row, "enabled") in ENABLED
    ]
    containers = [row for row in rows_of(seen.value(node, "host.containers")) if _ought_to_run(row)]
    return [
        row
        for row in [*units, *containers]
        if text_of(row, "engine") in engines
        and int(find_number(row.get("main_pid")) or find_number(row.get("pid")) or 0) not in {*served} - {0}
    ]


def _ought_to_run(row: Mapping[str, Value]) -> bool:
    if text_of(row, "state") in ("running", "restarting", "dead", "paused"):
        return True
    code = int(find_number(row.get("exit_code")) or 0)
    return text_of(row, "restart_policy") == "always" or code not in STOPPED_CODES or row.get("oom_killed") is True
