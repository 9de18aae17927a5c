"""Keeps what a smoke test gave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from keepwell.app.smoke.report import SmokeReport, keep_of
from keepwell.core.errors import AccessError
from keepwell.store.journal import make_run_id
from keepwell.store.smokes import save_smoke


def keep(state: Path, report: SmokeReport) -> SmokeReport:
    """The report with the id under which it is kept; with the reason where the disk takes nothing: its reader has it
    all the same. A test that asked nothing is not kept.
    """
    if not report.engines:
        return report
    name = make_run_id(report.kind, report.at)
    try:
        save_smoke(state, keep_of(report, name))
    except AccessError as error:
        return replace(report, problem=f"not kept for `keepwell compare`: {error}")
    return replace(report, kept=name)
