"""What is written of each outcome: OpenAI's batch output, rows with their answer as JSON or CSV. Pure, one line each.

What is made of a task and its outcome depends on nothing else, so that a journal can make it again. Errors go to a file
of their own; for rows they are rows with the error beside, which can be the input of another run.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from keepwell.batch.answer import read_answer
from keepwell.batch.item import Outcome, Task

#: Names of what is added to a row. Where the row has such a column itself, `_` is put behind.
ADDED = ("custom_id", "answer", "model", "input_tokens", "output_tokens")
ERROR = "error"
#: What OpenAI calls these troubles in an output.
_CODES: Mapping[str, str] = {"expired": "batch_expired", "cancelled": "batch_cancelled"}


@dataclass(frozen=True, slots=True)
class OpenAiForm:
    """OpenAI's output and error file. `prefix` makes ids of lines those of this batch."""

    prefix: str = "batch_req_"
    begin: bytes = b""

    def render(self, task: Task, outcome: Outcome) -> tuple[bytes, bytes]:
        """A line of the output, or one of the errors."""
        line = render_batch_line(outcome, f"{self.prefix}{task.number}")
        if outcome.trouble:
            return b"", line
        return line, b""


@dataclass(frozen=True, slots=True)
class JsonForm:
    """Rows with their answer, an object a line."""

    begin: bytes = b""

    def render(self, task: Task, outcome: Outcome) -> tuple[bytes, bytes]:
        """The row with its answer, or with its error."""
        if outcome.trouble:
            return b"", render_error_row(task, outcome)
        row = _decode_row(task.row)
        return msgspec.json.encode({**row, **_describe(outcome, row)}) + b"\n", b""


@dataclass(frozen=True, slots=True)
class CsvForm:
    """Rows with their answer as CSV; errors as JSON. `columns` are those of the input, in order."""

    columns: Sequence[str]

    @property
    def begin(self) -> bytes:
        """The names of columns."""
        return _write_csv([*self.columns, *_name_added(self.columns)])

    def render(self, task: Task, outcome: Outcome) -> tuple[bytes, bytes]:
        """The row with its answer, or with its error."""
        if outcome.trouble:
            return b"", render_error_row(task, outcome)
        row = _decode_row(task.row)
        added = _describe(outcome, self.columns)
        values = [row.get(name, "") for name in self.columns] + list(added.values())
        return _write_csv([_say(one) for one in values]), b""


def render_batch_line(outcome: Outcome, name: str) -> bytes:
    """A line of OpenAI's output or error file."""
    response: dict[str, object] | None = None
    error: dict[str, object] | None = None
    if outcome.status:
        response = {"status_code": outcome.status, "request_id": name, "body": _keep_json(outcome.body)}
    if outcome.trouble and (not outcome.status or outcome.status < 400):
        error = {"code": _CODES.get(outcome.trouble, outcome.trouble), "message": outcome.message}
    line = {"id": name, "custom_id": outcome.custom_id, "response": response, "error": error}
    return msgspec.json.encode(line) + b"\n"


def render_error_row(task: Task, outcome: Outcome) -> bytes:
    """The row with what is wrong: its class, message, status and tries."""
    row = _decode_row(task.row)
    name, error = _name_free("custom_id", row), _name_free(ERROR, row)
    said = {
        "code": outcome.trouble,
        "message": outcome.message,
        "status": outcome.status,
        "attempts": outcome.attempts,
    }
    return msgspec.json.encode({**row, name: outcome.custom_id, error: said}) + b"\n"


def _describe(outcome: Outcome, columns: Collection[str]) -> dict[str, object]:
    values = (
        outcome.custom_id,
        _find_answer(outcome.body),
        outcome.model,
        outcome.input_tokens,
        outcome.output_tokens,
    )
    return dict(zip(_name_added(columns), values, strict=True))


def _find_answer(body: bytes) -> object:
    said = read_answer(body)
    if said.value is None:
        return said.text
    return said.value


def _name_added(columns: Collection[str]) -> list[str]:
    return [_name_free(name, columns) for name in ADDED]


def _name_free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _decode_row(row: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(row or b"{}", type=dict[str, Any])
    except ValueError:
        return {}


def _keep_json(body: bytes) -> object:
    """The body as it came, on one line; as text where it is no JSON."""
    try:
        body.decode()
        return msgspec.Raw(msgspec.json.format(body, indent=-1))
    except ValueError:
        return body.decode("utf-8", "replace")


def _say(value: object) -> object:
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return value


def _write_csv(values: Sequence[object]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(values)
    return out.getvalue().encode()
