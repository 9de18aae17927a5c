"""From an input file to tasks: OpenAI's batch format, or rows of a table with a template. Streamed.

A file is looked through once before anything is sent (`check_input`): bad lines and names that are given twice are told
with where they stand. `read_tasks` gives the same tasks with the same numbers each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from keepwell.batch.ids import Names
from keepwell.batch.item import BadLine, Task
from keepwell.batch.rows import Kind, Line, Row, decode_line, is_none_done, read_lines, read_rows
from keepwell.batch.template import Template
from keepwell.core.errors import AccessError, ConfigurationError, NotPermitted, NotThere

#: Bytes that are read from the disk at once.
READ_BYTES = 1024 * 1024
#: Characters of a custom_id: OpenAI's own limit is lower; names are in every line of the journal and of the output.
NAME_CHARACTERS = 512
#: Bad lines that are told one by one, and the most that may be passed over with --skip-bad: more is another file.
TOLD, MOST_BAD = 20, 100_000
_KINDS: dict[str, Kind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What is read: a file of a kind, with a template where its lines are rows.

    `model` counts above the lines' own; `keep_rows` says that the output repeats the rows; `endpoint` is the one path
    that lines may ask, "" for any.
    """

    path: Path
    kind: Kind = "jsonl"
    template: Template | None = None
    model: str = ""
    keep_rows: bool = False
    endpoint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A file that was looked through: how many lines, the digest of all that makes the job (input, template, model),
    and the numbers of lines of which no task can be made, the first of them in words.
    """

    count: int
    digest: str
    bad: tuple[BadLine, ...] = ()
    bad_numbers: frozenset[int] = frozenset()


class _OpenAi(msgspec.Struct):
    custom_id: str
    url: str
    body: msgspec.Raw
    method: str = "POST"


class _About(msgspec.Struct):
    model: str = ""
    stream: bool | None = False


@dataclass(frozen=True, slots=True)
class FileSource:
    """The source of a job (`keepwell.batch.job.Source`): a file that was looked through.

    With `skip_bad` a line of which no task can be made is a task with a problem; else it ends the reading.
    """

    source: Input
    checked: Checked
    skip_bad: bool = False

    def read(self, skip: Callable[[int], bool]) -> Iterator[Task]:
        """Tasks in order. Raises ConfigurationError with the place of a bad line, AccessError."""
        bad = self.checked.bad_numbers
        for line, found in _read(self.source, skip):
            if isinstance(found, Task) and found.number not in bad:
                yield found
                continue
            problem = _describe_problem(found)
            if not self.skip_bad:
                raise ConfigurationError(problem, where=f"{self.source.path}:{line}", hint="--skip-bad passes over it")
            yield Task(number=found.number, custom_id=f"line-{line}", path="", body=b"", problem=problem)


def find_kind(path: Path, said: str = "") -> Kind:
    """The kind of a file as it was `said`, else by its name. Raises ConfigurationError."""
    found = _KINDS.get(f".{said}" * bool(said) or path.suffix.lower())
    if found is None:
        raise ConfigurationError(
            f"the kind of file cannot be told by {said or path.name!r}", hint="--input-format jsonl, csv or parquet"
        )
    return found


def check_input(source: Input) -> Checked:
    """Read all of it; takes 16 bytes of memory a line. Raises ConfigurationError for what is no such file, and where
    more than MOST_BAD lines are bad; AccessError where it cannot be read.
    """
    names, count = Names(), 0
    told: list[BadLine] = []
    bad: set[int] = set()
    for found in read_tasks(source):
        count += 1
        if isinstance(found, Task):
            names.add(found.custom_id, found.number)
            continue
        bad.add(found.number)
        if len(told) < TOLD:
            told.append(found)
        if len(bad) > MOST_BAD:
            raise ConfigurationError(f"more than {MOST_BAD} lines are bad; the first: {describe_bad(told[0])}")
    alike = {number for group in names.find_alike() for number in group}
    for double in _find_doubles(source, alike):
        bad.add(double.number)
        told.append(double)
    told.sort(key=_number_of)
    return Checked(count=count, digest=digest_input(source), bad=tuple(told[:TOLD]), bad_numbers=frozenset(bad))


def read_tasks(source: Input, done: Callable[[int], bool] | None = None) -> Iterator[Task | BadLine]:
    """Every task in order, and the lines of which none can be made. Those that are `done` are passed over unread.

    Names that are given twice are not found here. Raises ConfigurationError and AccessError.
    """
    for _, found in _read(source, done or is_none_done):
        yield found


def digest_input(source: Input) -> str:
    """The SHA-256 of the file, its kind, the template and the model (hex). Raises AccessError."""
    with _open(source.path) as file:
        found = hashlib.sha256()
        while part := file.read(READ_BYTES):
            found.update(part)
    template = b""
    if source.template is not None:
        template = source.template.source
    for say in (source.kind.encode(), source.model.encode(), template):
        found.update(len(say).to_bytes(8, "big") + say)
    return found.hexdigest()


def describe_bad(bad: BadLine) -> str:
    """Where and what, for a person."""
    column = f", column {bad.column}" * bool(bad.column)
    return f"line {bad.line}{column}: {bad.message}"


def _describe_problem(found: Task | BadLine) -> str:
    if isinstance(found, BadLine):
        return describe_bad(found)
    return f"the custom_id {found.custom_id[:80]!r} is that of an earlier line"


def _find_doubles(source: Input, alike: Collection[int]) -> Iterator[BadLine]:
    """Those of these tasks whose name an earlier one has; names that only share a hash are none."""
    if not alike:
        return
    first: dict[str, int] = {}
    for line, task in _read(source, _Others(alike)):
        if not isinstance(task, Task):
            continue
        if task.custom_id not in first:
            first[task.custom_id] = line
            continue
        message = f"the custom_id {task.custom_id[:80]!r} is that of line {first[task.custom_id]} already"
        yield BadLine(number=task.number, line=line, column=0, message=message, custom_id=task.custom_id)


def _read(source: Input, done: Callable[[int], bool]) -> Iterator[tuple[int, Task | BadLine]]:
    """The line's number in the file, and what it says."""
    template = source.template
    with _open(source.path) as file:
        if template is not None:
            for number, row in enumerate(read_rows(file, source.kind, source.path)):
                if not done(number):
                    yield row.line, _make_row_task(source, template, number, row)
            return
        if source.kind != "jsonl":
            raise ConfigurationError(
                "what is asked of each row of a table has to be said",
                where=str(source.path),
                hint='--prompt "... {column} ..." --model NAME, or --template FILE',
            )
        for line in read_lines(file, done):
            yield line.number, _make_batch_task(source, line.place, line)


@dataclass(frozen=True, slots=True)
class _Others:
    """True for every number but these."""

    wanted: Collection[int]

    def __call__(self, number: int) -> bool:
        return number not in self.wanted


_decode_openai = msgspec.json.Decoder(_OpenAi).decode
_decode_about = msgspec.json.Decoder(_About).decode
_decode_body = msgspec.json.Decoder(dict[str, Any]).decode


def _make_batch_task(source: Input, number: int, line: Line) -> Task | BadLine:
    problem, column = line.problem, 0
    found: _OpenAi | None = None
    if not problem:
        found, problem, column = decode_line(line.data, _decode_openai)
    if found is None:
        if "missing required field" in problem:
            problem += '; a line of a batch is {"custom_id", "method", "url", "body"}, other rows need --prompt'
        return _make_bad(number, line.number, problem, column)
    body = bytes(found.body)
    problem = _judge_request(found, source.endpoint)
    if not problem:
        about, problem, _ = decode_line(body, _decode_about)
        if about is not None:
            problem = _judge_about(about, source.model)
    if problem:
        return _make_bad(number, line.number, problem, 0, found.custom_id)
    if source.model:
        body = msgspec.json.encode({**_decode_body(body), "model": source.model})
    row = line.data * source.keep_rows
    return Task(number=number, custom_id=found.custom_id, path=found.url, body=body, row=row)


def _judge_request(found: _OpenAi, endpoint: str) -> str:
    if not 0 < len(found.custom_id) <= NAME_CHARACTERS:
        return f"custom_id has to have between 1 and {NAME_CHARACTERS} characters"
    if found.method != "POST":
        return f"method has to be POST, not {found.method[:20]!r}"
    if not found.url.startswith("/") or not found.url.isascii() or not found.url.isprintable() or " " in found.url:
        return f"url is a path such as /v1/chat/completions, not {found.url[:80]!r}"
    if endpoint and found.url != endpoint:
        return f"url is {found.url[:80]!r}, the batch is for {endpoint}"
    return ""


def _judge_about(about: _About, model: str) -> str:
    if about.stream:
        return "an answer of a batch comes whole: take stream out of the body"
    if not about.model and not model:
        return "the body names no model; --model NAME does for all"
    return ""


def _make_row_task(source: Input, template: Template, number: int, row: Row) -> Task | BadLine:
    if row.problem:
        return _make_bad(number, row.line, row.problem, row.column)
    try:
        name = template.name(row.fields) or str(row.fields.get("custom_id") or f"row-{number + 1}")
        body = template.render(row.fields)
        kept = b""
        if source.keep_rows:
            kept = msgspec.json.encode(row.fields)
    except (ValueError, TypeError) as error:  # TypeError: a value that JSON has no form for
        return _make_bad(number, row.line, str(error), 0)
    if len(name) > NAME_CHARACTERS:
        return _make_bad(number, row.line, f"its custom_id has more than {NAME_CHARACTERS} characters", 0)
    return Task(number=number, custom_id=name, path=template.path, body=body, row=kept)


def _make_bad(number: int, line: int, message: str, column: int, name: str = "") -> BadLine:
    shown = name[:NAME_CHARACTERS] or f"line-{line}"
    return BadLine(number=number, line=line, column=column, message=message, custom_id=shown)


def _number_of(bad: BadLine) -> int:
    return bad.number


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb", buffering=READ_BYTES) as file:
            yield file
    except FileNotFoundError as error:
        raise NotThere("there is no such file", where=str(path)) from error
    except PermissionError as error:
        raise NotPermitted("the file may not be read", where=str(path)) from error
    except OSError as error:
        raise AccessError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
