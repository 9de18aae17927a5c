"""Where the time of a request goes: loading, waiting, the prompt, the answer, and what nobody accounts for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.values import row_of, rows_of, text_of
from keepwell.plugins.facts import engine_facts, engine_title, not_seen
from keepwell.plugins.speeds import (
    first_token_seconds,
    generation_rate,
    generation_rates,
    input_rate,
    median_of,
    number_of,
    rows_of_kind,
    untold_seconds,
)

#: Seconds that a look-up of a loaded model never takes (measured: 2 to 50 ms), and any load does (250 ms for 40 MB).
RELOAD_SECONDS = 0.2
#: A request may take this much longer than the engine's own sum: the network, JSON, counting tokens.
UNTOLD_SECONDS = 0.5
UNTOLD_RATIO = 0.25
#: Seconds of waiting that a person notices before the first word (Nielsen's limit for an unbroken thought).
QUEUE_SECONDS = 1.0
#: A prompt is computed many tokens at once, at least five times faster than one by one on any processor with the
#: right kernels; below this it is computed as if it were generated.
PROMPT_RATIO = 1.5
#: Tokens and bytes of weights below which that says nothing: what is done once a request outweighs it.
PROMPT_TOKENS = 128
PROMPT_BYTES = 256 * 1024 * 1024
#: From here on a figure is written without a fraction.
WHOLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What a check says of one engine."""

    status: Status
    words: str
    facts: Mapping[str, str]


def judge_measured(seen: Seen) -> Iterator[Finding]:
    """The figures; bad when it did not come to the end in time, or when the clock disagrees with the engine."""
    for one in seen.named("engine.speed"):
        row = row_of(one.value)
        if not row:
            yield from not_seen("speed.measured", seen, one)
            continue
        verdict = _measured(one.value, row)
        yield _finding("speed.measured", seen, one, verdict)


def _measured(value: Value | Missing, row: Mapping[str, Value]) -> _Verdict:
    rate, wall = generation_rate(value), median_of(each.wall for each in generation_rates(value))
    problem = text_of(row, "problem")
    facts = {
        "kind": "measured",
        "tokens_per_second": _figure(rate),
        "wall_tokens_per_second": _figure(wall),
        "prompt_tokens_per_second": _figure(input_rate(value)),
        "first_token_seconds": _figure(first_token_seconds(value)),
    }
    if not rate:
        words = f"gave no measurable generation: {problem or 'it ended its answer at once'}"
        status = {True: Status.WARNING, False: Status.UNKNOWN}[bool(problem)]
        return _Verdict(status=status, words=words, facts=facts | {"kind": "unfinished", "said": problem})
    words = f"generates {rate:.1f} tokens/s"
    if input_rate(value):
        words += f", reads {input_rate(value):.0f} prompt tokens/s"
    if first_token_seconds(value):
        words += f", first token after {first_token_seconds(value):.2f} s"
    for each in rows_of_kind(value, "generation"):
        outside, whole = untold_seconds(each), number_of(each, "seconds")
        if outside is not None and outside > max(UNTOLD_SECONDS, UNTOLD_RATIO * whole):
            words += f"; {outside:.1f} s of {whole:.1f} s are in none of the parts that it tells"
            return _Verdict(
                status=Status.WARNING, words=words, facts=facts | {"kind": "disagree", "seconds": _figure(outside)}
            )
    return _Verdict(status=Status.OK, words=words, facts=facts)


def judge_reload(seen: Seen) -> Iterator[Finding]:
    """Bad when a request right after another loads the model anew. That one without options reloads a model which was
    loaded is told and no fault: all clients may send the same options, and only this look sent none.
    """
    for one in seen.named("engine.speed"):
        first, again = rows_of_kind(one.value, "first"), rows_of_kind(one.value, "again")
        if not first or not again or "load_seconds" not in again[0]:
            continue
        row = row_of(one.value)
        loads = number_of(first[0], "load_seconds"), number_of(again[0], "load_seconds")
        facts = {"kind": "stays", "load_seconds": _figure(max(loads))}
        verdict = _Verdict(status=Status.OK, words="keeps the model between two requests", facts=facts)
        if loads[1] >= RELOAD_SECONDS:
            words = f"loads the model anew for a request right after another, which takes {loads[1]:.1f} s each time"
            verdict = _Verdict(status=Status.WARNING, words=words, facts=facts | {"kind": "unloaded"})
        elif loads[0] >= RELOAD_SECONDS and row.get("loaded_before") is True:
            words = (
                f"had the model loaded with options of some client, and took {loads[0]:.1f} s to load it anew for a "
                "request without any: clients that send different ones pay that each time"
            )
            verdict = _Verdict(status=Status.OK, words=words, facts=facts | {"kind": "options"})
        elif loads[0] >= RELOAD_SECONDS:
            words = f"took {loads[0]:.1f} s to load the model, and keeps it"
            verdict = _Verdict(status=Status.OK, words=words, facts=facts)
        yield _finding("speed.reload", seen, one, verdict)


def judge_queue(seen: Seen) -> Iterator[Finding]:
    """Bad when a short request waits for its turn: by the engine's word, or by the clock while others run."""
    for one in seen.named("engine.speed"):
        row = row_of(one.value)
        for again in rows_of_kind(one.value, "again"):
            told = number_of(again, "queue_seconds")
            running, waiting = number_of(row, "running"), number_of(row, "waiting")
            outside = untold_seconds(again) or 0.0
            seconds = told
            if not told and running:
                seconds = outside
            facts = {
                "kind": "none",
                "seconds": _figure(seconds),
                "running": f"{running:.0f}",
                "waiting": f"{waiting:.0f}",
            }
            verdict = _Verdict(status=Status.OK, words="takes a request at once", facts=facts)
            if seconds >= QUEUE_SECONDS:
                words = (
                    f"let a short request wait {seconds:.1f} s for its turn ({running:.0f} ran, {waiting:.0f} waited)"
                )
                verdict = _Verdict(status=Status.WARNING, words=words, facts=facts | {"kind": "queue"})
            yield _finding("speed.queue", seen, one, verdict)


def judge_prompt(seen: Seen) -> Iterator[Finding]:
    """Bad when a long prompt is read hardly faster than an answer is written."""
    for one in seen.named("engine.speed"):
        rate, reading = generation_rate(one.value), input_rate(one.value)
        size = number_of(row_of(one.value), "size_bytes")
        tokens = max((number_of(row, "input_tokens") for row in rows_of_kind(one.value, "prompt")), default=0.0)
        if not rate or not reading or tokens < PROMPT_TOKENS or 0 < size < PROMPT_BYTES:
            continue
        facts = {"kind": "batched", "tokens_per_second": _figure(rate), "prompt_tokens_per_second": _figure(reading)}
        words = f"reads a prompt {reading / rate:.1f} times as fast as it writes"
        status = Status.OK
        if reading < PROMPT_RATIO * rate:
            status, facts = Status.WARNING, facts | {"kind": "slow"}
            words += f" ({reading:.0f} and {rate:.0f} tokens/s): it does not compute many tokens at once"
        yield _finding("speed.prompt", seen, one, _Verdict(status=status, words=words, facts=facts))


def _finding(check: str, seen: Seen, one: Observation, verdict: _Verdict) -> Finding:
    row = row_of(one.value)
    facts = engine_facts(seen, one.subject, model=text_of(row, "model"), **verdict.facts)
    asked = len(rows_of(row.get("requests")))
    return Finding(
        check=check,
        subject=one.subject,
        status=verdict.status,
        message=f"{engine_title(seen, one.subject)} {verdict.words}",
        facts=facts | {"requests": str(asked)},
        evidence=(one,),
    )


def _figure(number: float) -> str:
    """Three digits that count, or all before the point; "" for nothing."""
    if not number:
        return ""
    if number >= WHOLE:
        return f"{number:.0f}"
    return f"{number:.3g}"
