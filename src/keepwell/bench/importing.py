"""Results of other tools as results of ours: rows in seconds from the first that was due, gaps pooled. Pure."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from keepwell.bench.load import Aim, Load, LoadShape
from keepwell.bench.result import OUTCOMES, Client, Columns, Result, Row
from keepwell.formats.aiperf import is_aiperf, is_aiperf_summary, parse_aiperf
from keepwell.formats.foreign_bench import ForeignRow, ForeignRun, parse_json
from keepwell.formats.guidellm import is_guidellm, parse_guidellm
from keepwell.formats.serve_bench import is_serve_bench, parse_serve_bench

#: Bytes of a file, and gaps that are kept of it.
FILE_BYTES, GAPS = 512 * 1024 * 1024, 100_000
#: Error words of one result.
ERRORS = 32
_OK, _FAILED = 0.0, float(OUTCOMES.index("server_error"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One result, and what is to be known of its figures."""

    result: Result
    notes: tuple[str, ...]


def parse_runs(content: bytes) -> list[ForeignRun]:
    """What a file holds, by what it looks like. Raises ValueError that says what does not fit, and where."""
    if len(content) > FILE_BYTES:
        raise ValueError(f"it has more than {FILE_BYTES} bytes")
    first, _, rest = content.lstrip().partition(b"\n")
    if rest.strip() and _is_line_of_aiperf(first):
        return [parse_aiperf(content)]
    found = parse_json(content)
    if is_guidellm(found):
        return parse_guidellm(found)
    if is_serve_bench(found):
        return [parse_serve_bench(found)]
    if is_aiperf(found):
        return [parse_aiperf(content)]
    if is_aiperf_summary(found):
        raise ValueError("it holds sums alone: take profile_export.jsonl, which lies beside it")
    raise ValueError(
        "it is none that is known: GuideLLM's JSON, AIPerf's profile_export.jsonl, "
        "or what `vllm bench serve --save-result --save-detailed` writes"
    )


def make_result(run: ForeignRun, *, id: str, now: float) -> Imported:
    """The result of a run. Raises ValueError where it has no request."""
    rows = [one for one in run.rows if math.isfinite(one.sent)]
    if not rows:
        raise ValueError("it holds no request that was sent")
    begin = min(_due(one) for one in rows)
    columns = Columns()
    for one in sorted(rows, key=_sent):
        columns.add(_make_row(one, begin))
    ended = [one for one in columns["ended"] if math.isfinite(one)]
    errors = Counter(one.error for one in rows if one.error)
    result = Result(
        id=id,
        created_at=run.at or now,
        aim=Aim(url=run.url, kind="", model=run.model),
        load=_make_load(run, len(rows)),
        seconds=max(ended, default=0.0),
        rows=columns,
        itl=_pool(rows),
        client=Client(),
        errors=dict(errors.most_common(ERRORS)),
        workload=f"sent by {run.tool} {run.version}".rstrip(),
        token_source="usage",
    )
    return Imported(result=result, notes=run.notes)


def _make_row(one: ForeignRow, begin: float) -> Row:
    return Row(
        planned=one.planned - begin,
        sent=one.sent - begin,
        first=one.first - begin,
        last=one.last - begin,
        ended=one.ended - begin,
        input_tokens=one.input_tokens,
        output_tokens=one.output_tokens,
        events=one.events,
        outcome={True: _FAILED, False: _OK}[bool(one.error)],
    )


def _make_load(run: ForeignRun, requests: int) -> Load:
    shape: LoadShape = "concurrent"
    if run.rate:
        shape = "constant"
    if run.load == "poisson":
        shape = "poisson"
    return Load(shape=shape, rate=run.rate, clients=run.clients or int(shape == "concurrent"), requests=requests)


def _pool(rows: Sequence[ForeignRow]) -> array[float]:
    """All gaps, or each so many-th of them where there are more than are kept."""
    pooled = array("d", (gap for one in rows if not one.error for gap in one.gaps if math.isfinite(gap) and gap >= 0))
    step = math.ceil(len(pooled) / GAPS) or 1
    return pooled[::step]


def _is_line_of_aiperf(line: bytes) -> bool:
    try:
        return is_aiperf(parse_json(line))
    except ValueError:
        return False


def _due(one: ForeignRow) -> float:
    if math.isfinite(one.planned):
        return min(one.planned, one.sent)
    return one.sent


def _sent(one: ForeignRow) -> float:
    return one.sent
