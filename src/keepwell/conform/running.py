"""Plans that start, end and restart an engine. Pure."""

from __future__ import annotations

from keepwell.core.errors import RefusedError
from keepwell.core.step import Change, Plan, Serving
from keepwell.plugins.running import Running, begin_change, end_change

#: The plans' steps, and the check that stands for what they promise.
START, STOP, RESTART = "engine-start", "engine-stop", "engine-restart"
CHECK = "engine.running"


def plan_start(one: Running, promise: Serving, mark: str) -> Plan:
    """Start one that does not run. RefusedError where keepwell does not know how."""
    return _plan(START, one, (require_begin(one, mark),), promise)


def plan_stop(one: Running, promise: Serving, mark: str) -> Plan:
    """End one that runs; nothing may answer at its address any more."""
    return _plan(STOP, one, (end_change(one, mark),), promise)


def plan_restart(one: Running, promise: Serving, mark: str) -> Plan:
    """End and start it. RefusedError where keepwell could not start it again."""
    begin = require_begin(one, f"{mark}-again")
    return _plan(RESTART, one, (end_change(one, mark), begin), promise)


def require_begin(one: Running, mark: str) -> Change:
    """The change that starts it. Raises RefusedError where keepwell does not know how."""
    if one.problem:
        raise RefusedError(f"keepwell cannot start it: {one.problem}", where=one.title)
    return begin_change(one, mark)


def _plan(step: str, one: Running, changes: tuple[Change, ...], promise: Serving) -> Plan:
    """A stopped engine is not tried before it gets requests: whoever stops it keeps them away himself."""
    verb = step.partition("-")[2]
    engine = {STOP: None}.get(step, one.ref)
    why = f"{verb} {one.title}, as was asked"
    return Plan(step=step, check=CHECK, subject=one.ref, why=why, changes=changes, engine=engine, proof=(promise,))
