"""Files that other tools wrote, recorded from their real runs against a server of known times and shortened."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.bench.importing import make_result, parse_runs
from keepwell.bench.summary import Summary, summarise

FOREIGN = Path(__file__).with_name("foreign")
#: Of the form that `vllm bench serve --save-result --save-detailed` writes, with numbers of our own.
SERVE = {
    "date": "20260101-120000",
    "model_id": "m",
    "request_rate": 4.0,
    "max_concurrency": None,
    "duration": 1.0,
    "total_input_tokens": 48,
    "request_throughput": 2.0,
    "input_lens": [16, 16, 16],
    "output_lens": [3, 2, 0],
    "ttfts": [0.02, 0.03, 0.0],
    "itls": [[0.005, 0.006], [0.004], []],
    "start_times": [100.0, 100.25, 100.5],
    "errors": ["", "", "Traceback:\n  refused"],
}


def summed(content: bytes) -> Summary:
    """The figures of a file with one run."""
    (run,) = parse_runs(content)
    return summarise(make_result(run, id="i", now=1.0).result)


def test_guidellm() -> None:
    """The first of its requests: sent at .0691, first token at .3095, last of 16 at .5200, from its own file."""
    (run,) = parse_runs((FOREIGN / "guidellm-0.8.1.json").read_bytes())
    assert (run.tool, run.version, run.load, run.rate) == ("GuideLLM", "0.8.1", "constant", 4.0)
    assert any("first token in" in note for note in run.notes)
    result = make_result(run, id="i", now=1.0).result
    summary = summarise(result)
    assert (summary.requests, summary.answered) == (3, 3)
    assert summary.output_tokens == 16
    row = min(run.rows, key=lambda one: one.sent)
    assert row.first - row.sent == pytest.approx(0.2403721, abs=1e-6)
    assert (row.last - row.first) / 15 == pytest.approx(0.01403662, abs=1e-6)
    assert summary.find("itl") is None
    due, sent = summary.find("ttft_due"), summary.find("ttft")
    assert due is not None
    assert sent is not None
    assert due.mean > sent.mean


def test_aiperf() -> None:
    """The server counted 16 tokens where AIPerf's own tokenizer counts 18."""
    content = (FOREIGN / "aiperf-0.13.0.jsonl").read_bytes()
    (run,) = parse_runs(content)
    first = run.rows[0]
    assert first.first - first.sent == pytest.approx(0.024938675, abs=1e-6)
    assert first.output_tokens == 16
    assert len(first.gaps) == 15
    summary = summed(content)
    assert (summary.requests, summary.answered) == (3, 3)
    itl = summary.find("itl")
    assert itl is not None
    assert itl.count == 45
    assert parse_runs(content.split(b"\n")[0])[0].rows == run.rows[:1]


def test_serve_bench() -> None:
    """Columns of requests, one of them failed."""
    summary = summed(msgspec.json.encode(SERVE))
    assert (summary.requests, summary.answered, summary.errors) == (3, 2, {"server_error": 1})
    ttft, itl = summary.find("ttft"), summary.find("itl")
    assert ttft is not None
    assert ttft.mean == pytest.approx(0.025)
    assert itl is not None
    assert itl.mean == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is no JSON"),
        (b"{}", "none that is known"),
        (b"[1]", "it is no JSON object"),
        ((FOREIGN / "aiperf-0.13.0-sums.json").read_bytes(), "profile_export.jsonl"),
        (b'{"benchmarks": [], "metadata": {}}', "it holds no requests"),
        (b'{"benchmarks": {}, "metadata": {}}', "benchmarks is no list"),
        (
            b'{"metadata": {}, "benchmarks": [{"requests":'
            b' {"successful": [{"info": {"timings": {"request_start": "x"}}}]}}]}',
            "benchmarks[0].requests.successful[0].info.timings.request_start is no number",
        ),
        (msgspec.json.encode({**SERVE, "ttfts": [1.0]}), "differ in length"),
        (msgspec.json.encode({**SERVE, "itls": [[1, "a"], [], []]}), "itls[0].itls[1] is no number"),
        (
            msgspec.json.encode(
                {name: SERVE[name] for name in ("duration", "total_input_tokens", "request_throughput")}
            ),
            "detailed",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(content: bytes, said: str) -> None:
    """And what to do."""
    with pytest.raises(ValueError, match=r".") as error:
        parse_runs(content)
    assert said in str(error.value)


def test_a_broken_line_is_told_by_its_number() -> None:
    """Of the file with a line a request."""
    content = (FOREIGN / "aiperf-0.13.0.jsonl").read_bytes() + b'{"metadata": 5, "metrics": {}}\n'
    with pytest.raises(ValueError, match=r"^line 4\.metadata is no JSON object"):
        parse_runs(content)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
@settings(max_examples=80)
def test_no_change_of_a_file_breaks_it(data: st.DataObject) -> None:
    """A value anywhere in a real file is another one: a result or a sentence, never anything else."""
    name = data.draw(st.sampled_from(["guidellm-0.8.1.json", "aiperf-0.13.0.jsonl", ""]))
    tree = SERVE
    if name:
        tree = msgspec.json.decode((FOREIGN / name).read_bytes().split(b"\n{")[0])
    content = msgspec.json.encode(_change(tree, data))
    try:
        for run in parse_runs(content):
            summarise(make_result(run, id="i", now=1.0).result)
    except ValueError as error:
        assert str(error)  # noqa: PT017


def _change(value: object, data: st.DataObject) -> object:
    if isinstance(value, dict) and value and data.draw(st.booleans() | st.just(True)):
        name = data.draw(st.sampled_from(sorted(value)))
        return {**value, name: _change(value[name], data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], _change(value[place], data), *value[place + 1 :]]
    return data.draw(JSON)
