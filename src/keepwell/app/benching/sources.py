"""Where the requests of a load come from: made ones, those of a file or trace, those of the gateway's record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import msgspec

from keepwell.app.benching.wish import MADE, RECORDED, Wish
from keepwell.bench.load import Prompt
from keepwell.bench.prompts.entries import FILE_BYTES, Entry, NotUsable, make_sent, parse_entries, settle
from keepwell.bench.prompts.made import Form, Workload, make_prompts
from keepwell.bench.prompts.words import Pace
from keepwell.core.errors import ConfigurationError
from keepwell.plugins.codec import Codec
from keepwell.store.bodies import BODIES_FILE, BODY_BYTES, find_body
from keepwell.store.requests import RECORD_FILE, Wanted, read_rows

#: Newest requests of the record that are taken.
NEWEST = 10_000
#: Tokens of a request's prompt and answer in the record where nobody counted them.
UNCOUNTED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Requests, what they are in words, and what is to be known of them. `entries` is () for made ones."""

    said: str
    entries: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()


def open_source(wish: Wish, state: Path, model: str) -> Source:
    """The requests that are wished. Raises ConfigurationError, AccessError."""
    if wish.source == MADE:
        return Source(said="")
    if wish.source == RECORDED:
        return _open_record(state, model)
    path = Path(wish.source)
    try:
        with path.open("rb") as file:
            entries = parse_entries(file.read(FILE_BYTES + 1))
    except OSError as error:
        raise ConfigurationError(f"the requests cannot be read: {error.strerror}", where=wish.source) from error
    except ValueError as error:
        raise ConfigurationError(f"line {error}" * _has_line(str(error)) or str(error), where=wish.source) from error
    return Source(said=f"{len(entries)} requests of {path.name}", entries=tuple(entries))


def make_workload(wish: Wish, pace: Pace, nonce: str) -> Workload:
    """How texts are made."""
    return Workload(
        input=wish.input,
        output=wish.output,
        turns=wish.turns,
        shared_tokens=wish.shared_prefix,
        seed=wish.seed,
        nonce=nonce,
        pace=pace,
    )


def describe_source(wish: Wish, source: Source, workload: Workload, form: Form) -> str:
    """What is asked, in words; equal words are equal work."""
    if wish.source == MADE and form.asked.kind == "embed":
        return f"made texts of {workload.input} tokens to embed, by {form.path}"
    if wish.source == MADE:
        return f"{workload}, by {form.path}"
    return f"{source.said}, {'replayed' * wish.replayed or 'one after the other'}, by {form.path}"


def list_sent(
    source: Source, form: Form, workload: Workload, codecs: Mapping[str, Codec], *, replayed: bool
) -> Iterator[Prompt]:
    """The requests that are sent: made ones without end, those of a file again and again unless they are replayed.

    Raises ConfigurationError where none of them can be sent.
    """
    if not source.entries:
        return make_prompts(form, workload)
    usable = [one for one in map(_Try(form, workload, codecs).make, enumerate(source.entries)) if one is not None]
    if not usable:
        raise ConfigurationError("none of these requests can be sent", hint="their paths and bodies are not known")
    if replayed:
        return iter(usable)
    return cycle(usable)


@dataclass(frozen=True, slots=True)
class _Try:
    form: Form
    workload: Workload
    codecs: Mapping[str, Codec]

    def make(self, numbered: tuple[int, Entry]) -> Prompt | None:
        number, entry = numbered
        try:
            return make_sent(entry, number, self.form, self.workload, self.codecs)
        except NotUsable:
            return None


def _open_record(state: Path, model: str) -> Source:
    """The newest requests that went well: their own texts where those are kept, else made ones of the same lengths."""
    found = [row for _, row in read_rows(state / RECORD_FILE, last=NEWEST, wanted=Wanted())]
    rows = [row for row in found if row.status == 200 and not row.outcome and row.output_tokens > 0]
    if not rows:
        raise ConfigurationError(
            "the gateway's record holds no request that was answered", hint="keepwell gateway serves and records"
        )
    entries = []
    texts = 0
    for row in rows:
        body = _find_text(state, row.id)
        texts += body is not None
        entries.append(
            Entry(
                at=row.at,
                path=row.path,
                body=body,
                input_tokens=max(row.input_tokens, 1),
                output_tokens=row.output_tokens,
            )
        )
    notes = []
    if texts < len(entries):
        notes.append(
            f"{len(entries) - texts} of {len(entries)} recorded requests have made texts of their lengths: the record "
            "keeps texts of routes with `bodies = true` alone"
        )
    if texts:
        notes.append("names and secrets in recorded texts are masked")
    return Source(
        said=f"{len(entries)} requests of the gateway's record", entries=tuple(settle(entries)), notes=tuple(notes)
    )


def _find_text(state: Path, number: int) -> Mapping[str, object] | None:
    kept = find_body(state / BODIES_FILE, number)
    if kept is None or len(kept.asked.encode("utf-8", "replace")) >= BODY_BYTES:
        return None
    try:
        return msgspec.json.decode(kept.asked, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError):
        return None


def _has_line(said: str) -> bool:
    return said.partition(":")[0].isdecimal()
