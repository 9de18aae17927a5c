"""The Prometheus text format."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.exposition import parse_exposition, total

TEXT = """# HELP vllm:num_requests_running Number of requests.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a b"} 2.0
vllm:num_requests_running{engine="1",model_name="a\\"b\\\\c"} 3 1700000000000
vllm:broken{engine="0"} NaN
vllm:endless +Inf
plain_total 7
not a metric line at all !
"""


def test_samples_with_labels_and_times() -> None:
    found = parse_exposition(TEXT)
    assert [(one.name, one.value) for one in found] == [
        ("vllm:num_requests_running", 2.0),
        ("vllm:num_requests_running", 3.0),
        ("plain_total", 7.0),
    ]
    assert found[1].labels == {"engine": "1", "model_name": 'a"b\\c'}


def test_sums_by_labels() -> None:
    found = parse_exposition(TEXT)
    assert total(found, "vllm:num_requests_running") == 5
    assert total(found, "vllm:num_requests_running", engine="1") == 3
    assert total(found, "vllm:num_requests_running", engine="2") is None


#: Values without line ends of any script: this parser takes each for the end of a line.
PRINTED = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
NAMES = st.from_regex(r"[a-z_:][a-z0-9_:]{0,10}", fullmatch=True)
LABELS = st.dictionaries(st.from_regex(r"[a-z_]{1,6}", fullmatch=True), st.text(PRINTED, max_size=8), max_size=3)


@settings(max_examples=100)
@given(st.lists(st.tuples(NAMES, LABELS, st.floats(-1e12, 1e12)), max_size=5))
def test_what_is_written_is_read(rows: list[tuple[str, dict[str, str], float]]) -> None:
    def quoted(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    def rendered(name: str, tags: dict[str, str], number: float) -> str:
        inner = ",".join(f'{key}="{quoted(value)}"' for key, value in tags.items())
        return f"{name}{{{inner}}} {number!r}"

    lines = [rendered(*row) for row in rows]
    assert [(one.name, dict(one.labels), one.value) for one in parse_exposition("\n".join(lines))] == rows


@settings(max_examples=100)
@given(st.text())
def test_garbage_is_nothing(text: str) -> None:
    parse_exposition(text)
