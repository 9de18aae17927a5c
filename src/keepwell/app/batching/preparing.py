"""From what was typed to a job: the input looked through, the form of the output, what an answer has to be."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from keepwell.app.batching.wish import BatchWish
from keepwell.batch.job import Bounds, Job, Judge, Target, Writes
from keepwell.batch.pace import MOST
from keepwell.batch.parquet import is_parquet, require_pyarrow
from keepwell.batch.reading import Checked, FileSource, Input, check_input, describe_bad, digest_input, find_kind
from keepwell.batch.template import TEMPLATE_BYTES, Template, make_template, parse_template
from keepwell.batch.validate import Wished, make_rules
from keepwell.batch.writing import CsvForm, JsonForm, OpenAiForm
from keepwell.config.shapes import duration
from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.store.folder import read_private, replace_private

#: What was found when the input was looked through, so that this is not done again, and its greatest size.
CHECKED_NAME, CHECKED_BYTES = "checked.json", 16 * 1024 * 1024
#: Of what is told of a job, that which its tasks are made of.
_MADE_OF = ("input", "model", "prompt")
#: The most at a time that may be asked for: connections are files, and a process may have a thousand.
MOST_AT_A_TIME = 512


class _Kept(msgspec.Struct):
    digest: str
    count: int
    bad_numbers: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All of a job but who is asked."""

    input: Input
    source: FileSource
    writes: Writes
    judge: Judge | None
    bounds: Bounds
    manifest: dict[str, str]

    def make_job(self, targets: tuple[Target, ...], *, ordered: bool) -> Job:
        """The job."""
        return Job(
            source=self.source,
            targets=targets,
            writes=self.writes,
            judge=self.judge,
            bounds=self.bounds,
            manifest=self.manifest,
            total=self.source.checked.count,
            ordered=ordered,
        )


def prepare(wish: BatchWish, folder: Path, now: float) -> Prepared:
    """Look the input through, unless that was done before with the same file (`folder` is the job's).

    Raises ConfigurationError for what cannot be asked (bad lines with their places), AccessError.
    """
    found = _make_input(wish)
    manifest = _describe(wish, found)
    checked = _look_through(found, folder, " ".join(manifest.get(name, "") for name in _MADE_OF))
    if checked.bad_numbers and not wish.skip_bad and checked.bad:
        told = "\n".join(describe_bad(one) for one in checked.bad)
        hint = "mend them, or --skip-bad makes errors of them"
        count = len(checked.bad_numbers)
        raise ConfigurationError(f"{count} lines cannot be read:\n{told}", where=wish.input, hint=hint)
    if not checked.count:
        raise ConfigurationError("the input has no lines", where=wish.input)
    return Prepared(
        input=found,
        source=FileSource(found, checked, wish.skip_bad),
        writes=_make_form(wish, found, checked),
        judge=make_rules(_make_wished(wish)),
        bounds=_make_bounds(wish, now),
        manifest=manifest,
    )


def make_errors_path(out: Path) -> Path:
    """Where errors go: beside the output, as JSON lines."""
    return out.with_name(f"{out.name.removesuffix('.jsonl')}.errors.jsonl")


def _make_input(wish: BatchWish) -> Input:
    path = Path(wish.input)
    template: Template | None = None
    if wish.prompt and wish.template:
        raise ConfigurationError("--prompt and --template say the same twice", hint="give one of them")
    if wish.template:
        template = parse_template(_read(Path(wish.template)), wish.template, model=wish.model)
    elif wish.prompt:
        template = make_template(wish.prompt, model=wish.model, system=wish.system)
    rows = template is not None
    model = wish.model * (not rows)  # of rows it stands in the template
    return Input(path=path, kind=find_kind(path, wish.input_format), template=template, model=model, keep_rows=rows)


def _look_through(found: Input, folder: Path, digest: str) -> Checked:
    path = folder / CHECKED_NAME
    try:
        kept = msgspec.json.decode(read_private(path, CHECKED_BYTES), type=_Kept)
    except (FileNotFoundError, ValueError):
        kept = _Kept("", 0, [])
    if kept.digest == digest:
        return Checked(count=kept.count, digest=digest, bad_numbers=frozenset(kept.bad_numbers))
    return replace(check_input(found), digest=digest)


def keep_checked(checked: Checked, folder: Path) -> None:
    """Keep what looking through found. Raises AccessError."""
    kept = _Kept(checked.digest, checked.count, sorted(checked.bad_numbers))
    replace_private(folder / CHECKED_NAME, msgspec.json.encode(kept))


def _make_form(wish: BatchWish, found: Input, checked: Checked) -> Writes:
    if is_parquet(Path(wish.out)):
        require_pyarrow()
        if found.template is None:
            hint = "OpenAI's format goes to JSON lines; or give --prompt or --template"
            raise ConfigurationError("a table holds rows with their answers", where=wish.out, hint=hint)
    if found.template is None:
        return OpenAiForm()
    if Path(wish.out).suffix.lower() != ".csv":
        return JsonForm()
    first = next(FileSource(found, checked, skip_bad=True).read(_is_unwanted), None)
    columns: list[str] = []
    if first is not None and first.row:
        columns = list(msgspec.json.decode(first.row))
    return CsvForm(columns)


def _is_unwanted(number: int) -> bool:
    return False


def _make_wished(wish: BatchWish) -> Wished:
    schema = b""
    if wish.schema:
        schema = _read(Path(wish.schema))
    return Wished(
        whole=wish.whole,
        json=wish.json_only,
        schema=schema,
        pattern=wish.match,
        characters=wish.max_characters,
        where=wish.schema,
    )


def _make_bounds(wish: BatchWish, now: float) -> Bounds:
    most, adapts = MOST, wish.concurrency == "auto"
    if not adapts:
        try:
            most = int(wish.concurrency)
        except ValueError:
            most = 0
        if not 1 <= most <= MOST_AT_A_TIME:
            hint = f"auto, or a number from 1 to {MOST_AT_A_TIME}"
            raise ConfigurationError("so many at a time cannot be asked", where=wish.concurrency, hint=hint)
    return Bounds(
        concurrency=most,
        adapts=adapts,
        seconds=_read_duration(wish.timeout, "--timeout"),
        until=_read_until(wish.until, now),
        tokens=wish.tokens,
        tries=wish.tries,
    )


def _read_until(written: str, now: float) -> float:
    """The next time that the clock says so, or the end of a length of time, in seconds since the epoch; 0 for ""."""
    if not written:
        return 0.0
    if ":" not in written:
        return now + _read_duration(written, "--until")
    try:
        clock = time.strptime(written, "%H:%M")
    except ValueError as error:
        raise ConfigurationError("a time of day like 06:30, or a length like 8h", where=f"--until {written}") from error
    day = time.localtime(now)
    at = time.mktime((day.tm_year, day.tm_mon, day.tm_mday, clock.tm_hour, clock.tm_min, 0, 0, 0, -1))
    if at <= now:
        at = time.mktime((day.tm_year, day.tm_mon, day.tm_mday + 1, clock.tm_hour, clock.tm_min, 0, 0, 0, -1))
    return at


def _read_duration(written: str, flag: str) -> float:
    try:
        return duration(written)
    except ValueError as error:
        raise ConfigurationError(f"it has to be {error}", where=f"{flag} {written}") from error


def _describe(wish: BatchWish, found: Input) -> dict[str, str]:
    """All that answers depend on, so that a change can be told by name."""
    about = {
        "input": digest_input(Input(path=found.path, kind=found.kind))[:16],
        "model": wish.model or "as in the input",
    }
    if found.template is not None:
        about["prompt"] = hashlib.sha256(found.template.source).hexdigest()[:16]
    for name, value in (("json", wish.json_only), ("whole", wish.whole), ("ordered", wish.ordered)):
        if value:
            about[name] = "yes"
    if wish.schema:
        about["schema"] = hashlib.sha256(_read(Path(wish.schema))).hexdigest()[:16]
    if wish.match:
        about["match"] = wish.match
    if wish.max_characters:
        about["max_characters"] = str(wish.max_characters)
    return about


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(TEMPLATE_BYTES)
    except OSError as error:
        raise AccessError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
