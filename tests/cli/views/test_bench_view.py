"""`keepwell bench` on a screen: a sentence that a newcomer understands, then figures."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console, RenderableType

from keepwell.app.benching.console import describe_progress, find_share
from keepwell.app.benching.listed import BenchListReport, KeptLine
from keepwell.app.benching.report import make_report
from keepwell.bench.load import Load
from keepwell.bench.tally import Progress
from keepwell.cli.views import bench, bench_list
from keepwell.core.observation import unknown
from tests.bench.made import make_result, make_row
from tests.pages.test_bench import make_bench_report


def shown(what: RenderableType) -> str:
    """As a wide terminal shows it."""
    text = StringIO()
    Console(file=text, width=300).print(what)
    return text.getvalue()


def test_one_stretch() -> None:
    """The sentence, each time with its formula, what the node did."""
    report = make_bench_report(2)
    text = shown(bench.render(report))
    assert "40 of 40 requests were answered; the first token came after 59.5 ms" in text
    assert "then 200 tokens a second for each" in text
    assert "100 % (91 % to 100 %) of requests kept to the goals." in text
    assert "tpot = (last token - first token) / (output tokens - 1)" in text
    assert "host cpu busy 50 %" in text
    assert "40 of 40 within the goals" in text
    assert "keepwell bench show bench-made" in text
    assert report.exit_code == 0


def test_a_sweep() -> None:
    """A row a stretch, and how far it goes."""
    text = shown(bench.render(make_bench_report(1, 2, 4)))
    assert "Up to 1 at a time keep to the goals" in text
    assert "ttft 95 %" in text


def test_failures_are_told_by_kind_and_words() -> None:
    """Control characters of an engine's words do not reach the terminal."""
    rows = [make_row(), *(make_row(outcome=4) for _ in range(3))]
    result = replace(make_result(rows, load=Load(clients=1)), errors={"no answer \x1b[31m": 3})
    report = make_report([result], group="g", target="t", goals={})
    text = shown(bench.render(report))
    assert "3 timeout" in text
    assert "3 × no answer \\x1b[31m" in text
    assert report.exit_code == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("device_power_watts", "device power 250 W"),
        ("device_clock_hertz", "device clock 0.00025 MHz"),
        ("engine_cpu_cores", "engine cpu cores 250"),
    ],
)
def test_numbers_of_the_node_have_units(name: str, said: str) -> None:
    """Their names end in them."""
    assert bench.describe_number(name, 250.0) == said


def test_the_list() -> None:
    """What is not known is a dash; an empty one says what fills it."""
    line = KeptLine(
        id="a",
        created_at=1.0,
        engine="engine:box/stub",
        model="m",
        load="sweep",
        stretches=3,
        requests=40,
        ttft_p50=0.25,
        output_tokens_per_second=unknown("not counted"),
    )
    text = shown(bench_list.render(BenchListReport(results=(line,), problems=("x is damaged",))))
    assert "box/stub" in text
    assert "sweep (3)" in text
    assert "250 ms" in text
    assert "x is damaged" in text
    assert "keepwell bench makes one" in shown(bench_list.render(BenchListReport(results=())))


def test_progress_is_told() -> None:
    """By time or by requests, whichever is further."""
    seen = Progress(seconds=5.0, sent=12, answered=10, failed=1, in_flight=1, waiting=2, tokens=500, lag=0.0)
    assert describe_progress(seen) == "5 s, 10 answered, 1 under way, 2 wait, 1 failed, 100 tokens/s"
    assert find_share(seen, Load(clients=1, seconds=20.0)) == (25, 100)
    assert find_share(seen, Load(clients=1, requests=22)) == (50, 100)
    assert find_share(seen, Load(shape="replay")) == (0, 100)
