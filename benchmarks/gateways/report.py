"""What was measured of each gateway, as a table, and which of the goals hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from gateways.client import WORDS, Found

MICRO = 1e6


@dataclass(slots=True, kw_only=True)
class Row:
    """One gateway. Figures by the number of connections; processor time is of the gateway with all its processes."""

    name: str
    start_seconds: float = 0.0
    idle_mib: float = 0.0
    used_mib: float = 0.0
    #: Answers that were wrong or missing, and streams without the counts that were asked for.
    wrong: int = 0
    uncounted: int = 0
    per_second: dict[int, float] = field(default_factory=dict)
    middle_ms: dict[int, float] = field(default_factory=dict)
    late_ms: dict[int, float] = field(default_factory=dict)
    cost_us: dict[int, float] = field(default_factory=dict)
    #: Of streams at full speed, with counts asked for by the client and without: words a second, cost of a word.
    words_per_second: dict[bool, float] = field(default_factory=dict)
    word_us: dict[bool, float] = field(default_factory=dict)
    #: Of streams at a person's pace: 99 of 100 are shorter.
    first_ms: dict[int, float] = field(default_factory=dict)
    gap_ms: dict[int, float] = field(default_factory=dict)
    long_slower: float | None = None
    long_grown_mib: float | None = None

    def add_requests(self, connections: int, found: Found, cost: float) -> None:
        """Answers that were not streamed."""
        self._check(found)
        self.per_second[connections] = len(found.whole) / found.seconds
        self.middle_ms[connections] = 1000 * quantile(found.whole, 0.5)
        self.late_ms[connections] = 1000 * quantile(found.whole, 0.99)
        self.cost_us[connections] = MICRO * cost

    def add_streams(self, counts: bool, found: Found, cost: float) -> None:
        """Streams at full speed."""
        self._check(found)
        self.uncounted += found.uncounted
        self.words_per_second[counts] = WORDS * len(found.whole) / found.seconds
        self.word_us[counts] = MICRO * cost / WORDS

    def add_paced(self, connections: int, found: Found) -> None:
        """Streams at a person's pace."""
        self._check(found)
        self.first_ms[connections] = 1000 * quantile(found.first, 0.99)
        self.gap_ms[connections] = 1000 * quantile(found.gaps, 0.99)

    def to_json(self) -> dict[str, object]:
        """For --json."""
        return asdict(self)

    def _check(self, found: Found) -> None:
        self.wrong += found.failed + found.broken


def quantile(values: list[float], share: float) -> float:
    """The value that this share is below; 0 of nothing."""
    if not values:
        return 0.0
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def merge(best: Row | None, row: Row) -> Row:
    """The best of both, figure by figure; what was wrong adds up."""
    if best is None:
        return row
    for name in ("per_second", "words_per_second"):
        _keep(getattr(best, name), getattr(row, name), greatest=True)
    for name in ("middle_ms", "late_ms", "cost_us", "word_us", "first_ms", "gap_ms"):
        _keep(getattr(best, name), getattr(row, name), greatest=False)
    best.wrong += row.wrong
    best.start_seconds = min(best.start_seconds, row.start_seconds)
    return best


def _keep(best: dict[object, float], row: dict[object, float], *, greatest: bool) -> None:
    for key, value in row.items():
        best[key] = max(best.get(key, value), value) if greatest else min(best.get(key, value), value)


def render_table(rows: list[Row]) -> str:
    """As Markdown."""
    heads = [
        *("", "CPU us/request at 1, 16, 64", "requests/s at 1, 16, 64", "p50 ms at 1, 16, 64", "p99 ms at 16, 64"),
        *("stream words/s (counts asked, hidden)", "CPU us/word", "256 paced: gap p99, first p99 ms"),
        *("start s", "idle, used MiB", "wrong"),
    ]
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    for row in rows:
        cells = [
            row.name,
            _join(row.cost_us, "{:.1f}"),
            _join(row.per_second, "{:,.0f}"),
            _join(row.middle_ms, "{:.2f}"),
            _join({key: value for key, value in row.late_ms.items() if key > 1}, "{:.1f}"),
            _join(row.words_per_second, "{:,.0f}"),
            _join(row.word_us, "{:.2f}"),
            f"{row.gap_ms.get(256, 0):.1f}, {row.first_ms.get(256, 0):.0f}",
            f"{row.start_seconds:.2f}",
            f"{row.idle_mib:.0f}, {row.used_mib:.0f}",
            str(row.wrong),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _join(values: dict[int, float] | dict[bool, float], form: str) -> str:
    return " / ".join(form.format(value) for value in values.values())


def judge(rows: dict[str, Row]) -> list[dict[str, str]]:
    """Each goal, what was found, and whether it holds; nothing where the other side was not measured."""
    own, other, direct = rows.get("keepwell"), rows.get("vllm-router"), rows.get("direct")
    found: list[dict[str, str]] = []
    if own is None:
        return found

    def add(bar: str, text: str, holds: bool) -> None:
        found.append({"bar": bar, "found": text, "holds": "holds" if holds else "FAILS"})

    if other is not None:
        share = own.cost_us[16] / other.cost_us[16]
        add("CPU a request <= 0.8 x vllm-router's", f"{share:.2f} x", share <= 0.8)
        mine, theirs = own.per_second[16], other.per_second[16]
        add("requests/s at 16 connections > vllm-router's", f"{mine:,.0f} : {theirs:,.0f}", mine > theirs)
        mine, theirs = own.words_per_second[True], other.words_per_second[True]
        add("stream words/s > vllm-router's", f"{mine:,.0f} : {theirs:,.0f}", mine > theirs)
    if direct is not None:
        added = own.middle_ms[1] - direct.middle_ms[1]
        add("p50 added at 1 connection <= 0.2 ms", f"{added:.3f} ms", added <= 0.2)
    if 256 in own.gap_ms:
        add("256 paced streams: gap p99 <= 30 ms", f"{own.gap_ms[256]:.1f} ms", own.gap_ms[256] <= 30)
    add("idle <= 60 MiB", f"{own.idle_mib:.1f} MiB", own.idle_mib <= 60)
    add("start to the first answer <= 1 s", f"{own.start_seconds:.2f} s", own.start_seconds <= 1)
    if own.long_slower is not None and own.long_grown_mib is not None:
        add("slow-down after 1,000,000 requests <= 2 %", f"{100 * own.long_slower:.1f} %", own.long_slower <= 0.02)
        add("growth after 1,000,000 requests <= 2 MiB", f"{own.long_grown_mib:.1f} MiB", own.long_grown_mib <= 2)
    return found


def render_bars(bars: list[dict[str, str]]) -> str:
    """As Markdown."""
    lines = ["| goal | found | |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {one['bar']} | {one['found']} | {one['holds']} |" for one in bars)])
