"""From a look at the world, or from a text, to the report of `diagnose` and `status`."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Iterable, Mapping

from keepwell.app.looked import list_looked
from keepwell.app.operation import Caller
from keepwell.app.picture import picture_node
from keepwell.app.reading import CHUNK_BYTES, open_text
from keepwell.app.report import DiagnosisReport, StatusReport
from keepwell.app.wiring import get_catalogue, get_follow_ups, look, wire
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen
from keepwell.core.ref import Ref, node
from keepwell.core.values import row_of, text_of
from keepwell.diagnose.batch import answer_all
from keepwell.diagnose.diagnosis import Text, diagnose
from keepwell.survey.survey import SurveyResult
from keepwell.survey.timetable import load_probes

_AGE = re.compile(r"(\d+)\s*([smhd])\Z")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


async def diagnose_here(caller: Caller, *, level: int, since: str) -> DiagnosisReport:
    """Look at this machine and rank the causes of what is not well."""
    async with wire(caller) as wiring:
        window = wiring.config.diagnose.since_seconds
        if since:
            window = parse_age(since)
        result = await look(wiring, caller, level=level, since_seconds=window)
    caller.progress("weighing the evidence", 1, 1)
    diagnosis = diagnose(result.seen, result.findings, (), get_catalogue(), get_follow_ups(), costs=_costs(level))
    return DiagnosisReport(
        at=time.time(),
        seconds=result.seconds,
        level=level,
        node=picture_node(_node(result), result.seen, result.findings, _titles(result)),
        findings=_worth_telling(result.findings),
        checks_made=len(result.findings),
        diagnosis=diagnosis,
        looked=list_looked(_node(result), result.seen, result.discovery.answers),
        lines_read=diagnosis.lines_read,
    )


async def look_at_status(caller: Caller, *, level: int) -> StatusReport:
    """Look at this machine, without asking why."""
    async with wire(caller) as wiring:
        result = await look(wiring, caller, level=level, since_seconds=wiring.config.diagnose.since_seconds)
    return StatusReport(
        at=time.time(),
        seconds=result.seconds,
        node=picture_node(_node(result), result.seen, result.findings, _titles(result)),
        findings=_worth_telling(result.findings),
        looked=list_looked(_node(result), result.seen, result.discovery.answers),
    )


def diagnose_file(caller: Caller, path: str) -> DiagnosisReport:
    """Say what a log or pasted text means; it is streamed, so that its size does not matter."""
    with open_text(caller, path) as source:
        return _diagnose_chunks(path, source.chunks())


def diagnose_text(text: str) -> DiagnosisReport:
    """Say what these lines mean."""
    return _diagnose_chunks("text", (text.encode("utf-8", "replace"),))


def answer_lines(caller: Caller, path: str) -> DiagnosisReport | None:
    """Answer each {"id", "evidence"} line with one JSON line, and give no report beside them.

    Raises ConfigurationError for a line that is none.
    """
    with open_text(caller, path) as source:
        lines = io.TextIOWrapper(io.BufferedReader(source, CHUNK_BYTES), "utf-8", "replace")
        code = answer_all(lines, sys.stdout, get_catalogue())
    if code:
        raise ConfigurationError("the input holds a line that is no such JSON object", where=path)
    return None


def parse_age(text: str) -> float:
    """Seconds of "90s", "30m", "6h", "2d"; ConfigurationError for anything else."""
    match = _AGE.match(text.strip())
    if match is None:
        raise ConfigurationError(f"{text!r} is no length of time", hint="write 90s, 30m, 6h or 2d")
    return int(match[1]) * _SECONDS[match[2]]


def _diagnose_chunks(name: str, chunks: Iterable[bytes]) -> DiagnosisReport:
    began = time.monotonic()
    text = Text(name={"-": "standard input"}.get(name, name), chunks=chunks)
    diagnosis = diagnose(Seen(), (), (text,), get_catalogue(), get_follow_ups())
    return DiagnosisReport(
        at=time.time(),
        seconds=time.monotonic() - began,
        level=0,
        node=None,
        findings=(),
        checks_made=0,
        diagnosis=diagnosis,
        looked=(),
        lines_read=diagnosis.lines_read,
    )


def _node(result: SurveyResult) -> Ref:
    return node(result.seen.subjects("node")[0].name)


def _titles(result: SurveyResult) -> Mapping[Ref, tuple[str, str]]:
    rows = {site.ref: row_of(result.seen.value(site.ref, "engine.site")) for site in result.sites}
    return {site.ref: (text_of(rows[site.ref], "title") or site.engine, site.url) for site in result.sites}


def _worth_telling(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(one for one in findings if one.status is not Status.OK)


def _costs(level: int) -> Mapping[str, float]:
    """Seconds that each observation costs, by name: what the next check is weighed with."""
    return {name: one.cost_seconds for one in load_probes(level).values() for name in one.gives}
