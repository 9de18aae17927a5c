"""`keepwell bench import`: results of other tools among ours."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from keepwell.app.benching.figures import find_key_figures
from keepwell.app.benching.kept import keep
from keepwell.app.benching.report import BenchReport, make_report
from keepwell.app.operation import Caller
from keepwell.app.wiring import find_state
from keepwell.bench.goals import Goals, parse_goals
from keepwell.bench.importing import FILE_BYTES, Imported, make_result, parse_runs
from keepwell.bench.result import Result
from keepwell.bench.summary import summarise
from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.store.journal import make_run_id

#: The kind in ids of what was imported.
KIND = "import"


def import_file(caller: Caller, file: str, *, goal: str, model: str) -> BenchReport:
    """Read, keep and report. Raises ConfigurationError for what is no such file, AccessError."""
    goals = _read_goals(goal)
    now = time.time()
    group = make_run_id(KIND, now)
    try:
        runs = [one for one in parse_runs(_read(Path(file))) if one.rows]
        made = [
            make_result(one, id=f"{group}.{number:02}" * (len(runs) > 1) or group, now=now)
            for number, one in enumerate(runs, 1)
        ]
    except ValueError as error:
        raise ConfigurationError(str(error), where=file) from error
    made = [replace(one, result=_name(one, model)) for one in made]
    for one in made:
        figures = find_key_figures(summarise(one.result, goals))
        try:
            keep(find_state(caller), one.result, figures, group * (len(made) > 1))
        except ValueError as error:
            raise AccessError(f"it cannot be kept: {error}", where=file) from error
    notes = dict.fromkeys(note for one in made for note in one.notes)
    results = [one.result for one in made]
    target = f"{Path(file).name}, {results[0].workload}"
    return make_report(results, group=group, target=target, goals=goals, notes=tuple(notes))


def _name(one: Imported, model: str) -> Result:
    aim = one.result.aim
    return replace(one.result, aim=replace(aim, model=model or aim.model))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"the results cannot be read: {error.strerror}", where=str(path)) from error


def _read_goals(text: str) -> Goals:
    try:
        return parse_goals(text)
    except ValueError as error:
        raise ConfigurationError(str(error), where="--goal") from error
