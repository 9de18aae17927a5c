"""What has been measured so far: rows, gaps, words of errors, lags. Bounded, but for 80 bytes a request."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from keepwell.bench.answer import Answer
from keepwell.bench.result import OUTCOMES, Columns, Row
from keepwell.bench.sample import Sample

#: Kinds of errors whose words are kept, and what the others count as.
ERRORS, OTHERS = 32, "other errors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a load is: seconds since its begin, and numbers of requests; `lag` is the worst delay in seconds by which
    one was sent later than planned since the last time, through the client's own fault.
    """

    seconds: float
    sent: int
    answered: int
    failed: int
    in_flight: int
    waiting: int
    tokens: int
    lag: float


class Tally:
    """Counts. Instants of rows are from `begin`, which is set when the load begins."""

    def __init__(self, seed: int, *, warm: int) -> None:
        self.begin = 0.0
        self.rows = Columns()
        #: Gaps between reads that bring tokens.
        self.gaps = Sample(seed)
        self.send_lags, self.loop_lags = Sample(seed), Sample(seed)
        self.errors: dict[str, int] = {}
        self.sent = self.answered = self.failed = self.pieces = 0
        #: Answers whose tokens were counted by the server, and whole streams whose were not.
        self.told = self.untold = 0
        #: For each model, rows of requests sent before its first answer began: one of them may have loaded it.
        self.early: dict[str, list[int]] = {}
        self.began: dict[str, float] = {}
        self._warm = warm
        self._worst = 0.0

    def note_lag(self, seconds: float) -> None:
        """A request was sent so much later than planned, and only the client was the reason."""
        self.send_lags.offer(seconds)
        self._worst = max(self._worst, seconds)

    def add(self, answer: Answer, model: str) -> None:
        """A request ended."""
        well = answer.outcome == "ok"
        self.answered += well
        self.failed += not well
        self.pieces += answer.pieces
        if answer.order < self._warm:
            return
        if answer.error:
            self.note_error(answer.error)
        row = answer.make_row(self.begin)
        self._note_model(answer, model, row)
        self.rows.add(row)
        if well and answer.stream:
            known = answer.said.output_tokens == answer.said.output_tokens
            self.told += known
            self.untold += not known

    def add_unsent(self, planned: float, outcome: str, why: str) -> None:
        """A request that could not even be sent."""
        self.failed += 1
        if why:
            self.note_error(why)
        self.rows.add(Row(planned=planned - self.begin, outcome=float(OUTCOMES.index(outcome))))

    def note_error(self, words: str) -> None:
        """Count an error by its words."""
        if words not in self.errors and len(self.errors) >= ERRORS:
            words = OTHERS
        self.errors[words] = self.errors.get(words, 0) + 1

    def look(self, now: float, *, in_flight: int, waiting: int) -> Progress:
        """How far it is."""
        lag, self._worst = self._worst, 0.0
        return Progress(
            seconds=now - self.begin,
            sent=self.sent,
            answered=self.answered,
            failed=self.failed,
            in_flight=in_flight,
            waiting=waiting,
            tokens=self.pieces,
            lag=lag,
        )

    def _note_model(self, answer: Answer, model: str, row: Row) -> None:
        if answer.outcome != "ok":
            return
        begin = row.first
        if begin != begin:
            begin = row.ended
        began = min(self.began.get(model, begin), begin)
        self.began[model] = began
        if row.sent < began:
            self.early.setdefault(model, []).append(len(self.rows))


def quantile(numbers: array[float], share: float) -> float:
    """The number below which this share of them lies; nan for none."""
    if not numbers:
        return float("nan")
    return sorted(numbers)[min(len(numbers) - 1, int(len(numbers) * share))]
