"""What an engine tells of its own times is read from answers that pass through untouched: recorded ones."""

from __future__ import annotations

import re
from typing import cast

import pytest

from keepwell.plugins.dialect import Dialect, Usage
from keepwell.plugins.registry import load
from tests.dialects.golden_files import Golden, load_goldens

MADE = re.compile(r'"(load_duration|prompt_eval_duration|eval_duration)":(\d+)')
MILLISECONDS = re.compile(r'"(prompt_ms|predicted_ms)":([\d.]+)')
TIMED = [one for one in load_goldens() if one.good and b"_duration" in one.answer]
MEASURED = [one for one in load_goldens() if one.good and b'"predicted_ms"' in one.answer and b'"usage"' in one.answer]
MEASURED = [one for one in MEASURED if one.path in ("/v1/chat/completions", "/v1/completions")]


def usage_of(dialect: Dialect, golden: Golden) -> Usage:
    if golden.streams:
        return dialect.read_usage(golden.answer[-8192:])
    return dialect.read_answer(golden.answer).usage


def test_there_are_such_answers() -> None:
    assert len([one for one in TIMED if one.streams]) >= 5
    assert len([one for one in TIMED if not one.streams]) >= 5
    assert len([one for one in MEASURED if one.streams]) >= 3
    assert len([one for one in MEASURED if not one.streams]) >= 3


@pytest.mark.parametrize("golden", TIMED, ids=[one.id for one in TIMED])
def test_nanoseconds_are_read_as_seconds(golden: Golden) -> None:
    told = {name: int(value) / 1e9 for name, value in MADE.findall(golden.answer.decode())}
    usage = usage_of(cast(Dialect, load("dialects", "ollama")), golden)
    found = (usage.load_seconds, usage.prefill_seconds, usage.decode_seconds)
    wished = [told.get(name, -1.0) for name in ("load_duration", "prompt_eval_duration", "eval_duration")]
    assert found == tuple(wished)


@pytest.mark.parametrize("golden", MEASURED, ids=[one.id for one in MEASURED])
def test_milliseconds_beside_the_usage_are_read(golden: Golden) -> None:
    told = {name: float(value) / 1e3 for name, value in MILLISECONDS.findall(golden.answer.decode())}
    usage = usage_of(cast(Dialect, load("dialects", "openai")), golden)
    found = (usage.load_seconds, usage.prefill_seconds, usage.decode_seconds)
    assert found == pytest.approx((-1.0, told["prompt_ms"], told["predicted_ms"]))
    assert usage.output_tokens > 0


def test_who_tells_nothing_took_no_known_time() -> None:
    dialect = cast(Dialect, load("dialects", "openai"))
    usage = dialect.read_answer(b'{"model":"m","usage":{"prompt_tokens":1,"completion_tokens":2}}').usage
    assert (usage.prefill_seconds, usage.decode_seconds, usage.load_seconds) == (-1.0, -1.0, -1.0)
    broken = dialect.read_usage(
        b'data: {"usage":{"prompt_tokens":1,"completion_tokens":2},"timings":{"prompt_ms":"x"}}'
    )
    assert broken == Usage()
