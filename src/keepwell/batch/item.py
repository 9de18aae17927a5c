"""Task, BadLine, Outcome: one line of a job, and the one line that it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

#: Why a try did not give an answer; each kind has its own way of being tried again. "" is an answer.
Trouble: TypeAlias = Literal[
    "",
    "transport",
    "overloaded",
    "server",
    "no_model",
    "memory",
    "too_long",
    "bad_request",
    "refused",
    "truncated",
    "invalid",
    "timeout",
    "cancelled",
    "expired",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One request of a job: the number of its line from 0, the name that its owner gave it, and what is sent.

    `path` is that of an API ("/v1/chat/completions"), `body` the JSON of the request, `row` the JSON of the line that
    it was made of, where the output repeats it. With a `problem` it is not to be asked at all: its outcome is
    "bad_request" with that message and no attempt.
    """

    number: int
    custom_id: str
    path: str
    body: bytes
    method: str = "POST"
    row: bytes = b""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line of which no task can be made: its number among all from 0, where it stands (from 1), and what is wrong.

    `column` is 0 where the line as a whole is meant; `custom_id` is made of the line where it has none of its own.
    """

    number: int
    line: int
    column: int
    message: str
    custom_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a task, once and for all: an answer (`trouble` is "") or an error.

    `body` is the answer's JSON, or what the last error said; `model` and `replica` who answered, as attested by the
    gateway where one was asked; `attempts` counts tries of all runs; `seconds` is the last try's.
    """

    number: int
    custom_id: str
    trouble: Trouble
    status: int = 0
    body: bytes = b""
    message: str = ""
    model: str = ""
    replica: str = ""
    attempts: int = 1
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
