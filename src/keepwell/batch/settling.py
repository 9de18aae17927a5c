"""What becomes of a task when a try has ended: its outcome, or another try at a later time. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from keepwell.batch.asking import Ended
from keepwell.batch.item import Outcome, Task, Trouble
from keepwell.batch.job import Job
from keepwell.batch.troubles import (
    ERROR_BYTES,
    FALLS_BACK,
    RETRIES,
    Answer,
    judge_status,
    judge_words,
    read_answer,
    read_retry_after,
)
from keepwell.core.text import cut_text
from keepwell.store.batch_state import Tries

#: Engines that have to die of a task while nothing else is asked, before it is told to be the cause; and deaths beside
#: others after which it is asked alone. Both are two, so that a death by chance condemns nobody.
DEATHS_ALONE, DEATHS_BESIDE = 2, 2
#: Characters of an error's words, and bytes of what an engine said, that are kept.
MESSAGE_CHARACTERS, KEPT_BYTES = 500, 64 * 1024
_FAILURES: dict[str, Trouble] = {"cut": "transport", "timeout": "timeout", "too_large": "server"}
#: A share that is as good as all: the sum of n shares of 1/n may be a little less than 1.
_ALL = 1 - 1e-9


@dataclass(slots=True)
class Pending:
    """A task on its way. `body` is what is sent, b"" for the task's own; `alone`: nothing else is asked meanwhile."""

    task: Task
    tries: Tries
    body: bytes = b""
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """Another try: when (seconds from now), and after how many of them the whole target may be asked again."""

    pending: Pending
    trouble: Trouble
    seconds: float
    cool: float = 0.0


def settle(
    job: Job, pending: Pending, ended: Ended, now: float, chance: random.Random, *, alive: bool = True
) -> Outcome | Again:
    """What comes of a try that was begun. `now` is in seconds since the epoch, for a server that names an instant.

    `alive`: the target answered something since. Where it is too busy for everybody, it is nobody's try.
    """
    task, tries = pending.task, pending.tries
    answer = None
    trouble: Trouble = _FAILURES.get(ended.failure, "")
    head = ended.head
    if head is not None:
        trouble = judge_status(head.status, ended.body)
        if not trouble:
            answer = read_answer(ended.body)
            trouble = _judge_answer(answer)
    why = ""
    if not trouble and job.judge is not None:
        why = job.judge.judge(task, ended.body)
        if why:
            trouble = "invalid"
    if not trouble:
        return _make_outcome(task, tries.attempts + 1, ended, "", answer)
    attempts, spent = tries.attempts + 1, tries.spent
    if alive or trouble != "overloaded":
        spent += 1 / find_tries(job, trouble)
    target = tries.target
    if spent >= _ALL and trouble in FALLS_BACK and target + 1 < len(job.targets):
        target, spent = target + 1, 0.0
    if spent >= _ALL:
        return replace(_make_outcome(task, attempts, ended, trouble, answer), message=why or describe(ended))
    made = Pending(task, replace(tries, attempts=attempts, spent=spent, target=target), pending.body, pending.alone)
    if why and job.judge is not None:
        made.body = job.judge.ask_again(task, ended.body, why)
    wished = 0.0
    if head is not None and trouble != "invalid":
        wished = read_retry_after(dict(head.headers), now)
    retry = RETRIES[trouble]
    wait = chance.uniform(0.0, min(retry.cap, retry.base * 2.0 ** min(attempts - 1, 30)))
    return Again(made, trouble, wished + wait * job.bounds.waits, wished)


def find_tries(job: Job, trouble: Trouble) -> int:
    """How often a task is asked if each try ends so."""
    tries = RETRIES[trouble].tries
    if tries > 1 and job.bounds.tries:
        return job.bounds.tries
    return tries


def make_problem(task: Task) -> Outcome:
    """The outcome of a line that is no task."""
    return Outcome(
        number=task.number,
        custom_id=task.custom_id,
        trouble="bad_request",
        attempts=0,
        message=task.problem,
    )


def condemn(pending: Pending) -> Outcome:
    """The outcome of a task that engines die of."""
    tries, task = pending.tries, pending.task
    message = f"the engine died {tries.deaths} times while it was asked this, {tries.alone} times when nothing else was"
    return Outcome(
        number=task.number,
        custom_id=task.custom_id,
        trouble="server",
        message=message,
        attempts=tries.attempts,
    )


def describe(ended: Ended) -> str:
    """What went wrong, in the words of whoever said it, on one line."""
    said = ended.why
    if ended.head is not None:
        words = " ".join(ended.body[:ERROR_BYTES].decode("utf-8", "replace").split())
        said = f"HTTP {ended.head.status}: {words}"
    return cut_text(said, MESSAGE_CHARACTERS)


def _judge_answer(answer: Answer | None) -> Trouble:
    if answer is None:
        return "truncated"
    error = bytes(answer.error)
    if error not in (b"", b"null"):
        return judge_words(error, "server")
    return ""


def _make_outcome(task: Task, attempts: int, ended: Ended, trouble: Trouble, answer: Answer | None) -> Outcome:
    """With all that the answer tells of itself."""
    status, model, replica = 0, "", ""
    if ended.head is not None:
        status = ended.head.status
        told = dict(ended.head.headers)
        replica = told.get(b"x-keepwell-replica", b"").decode("latin-1")
        model = told.get(b"x-keepwell-model", b"").decode("latin-1")
    read, made, body = 0, 0, ended.body
    if answer is not None:
        read, made, model = answer.input_tokens, answer.output_tokens, model or answer.model or ""
    if trouble:
        body = body[:KEPT_BYTES]
    return Outcome(
        number=task.number,
        custom_id=task.custom_id,
        trouble=trouble,
        status=status,
        body=body,
        model=model,
        replica=replica,
        attempts=attempts,
        seconds=ended.seconds,
        input_tokens=read,
        output_tokens=made,
    )
