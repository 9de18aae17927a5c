"""From a look at a node to a bundle of it: recorded, redacted, packed; and the same look again from the bundle."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import msgspec

from keepwell import __version__
from keepwell.app.catalogue import get_catalogue, get_follow_ups
from keepwell.app.plain import plain
from keepwell.app.replaying import Wish, render_wishes, survey_bundle
from keepwell.bundling.redact_tape import redact_tape, texts_of
from keepwell.core.clock import Clock
from keepwell.core.hypothesis import Diagnosis
from keepwell.diagnose.diagnosis import diagnose
from keepwell.plugins.registry import names
from keepwell.redact import Masked, Redactor, Tokens, learn_people
from keepwell.survey.judge import find_purposes
from keepwell.survey.survey import SurveyResult, no_progress, survey
from keepwell.survey.timetable import Beside
from keepwell.transport.base import Transport
from keepwell.transport.recorded.bundle import FORMAT, VERSION, Manifest, open_bundle, render_bundle
from keepwell.transport.recorded.record import Recording
from keepwell.transport.recorded.tape import Tape

_WORD = re.compile(r"[a-z][a-z0-9_-]{2,}")
#: Files that name the machine itself, for those who want host names masked.
_HOST_FILES = ("/etc/hostname", "/proc/sys/kernel/hostname")
_HOST_COMMANDS = (("uname", "-n"), ("hostname",), ("hostname", "-f"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a collection looks at: as a survey's own parameters; `names` masks host names too."""

    level: int = 2
    since_seconds: float = 3600.0
    origins: tuple[str, ...] = ()
    expected: tuple[Wish, ...] = ()
    names: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A bundle as bytes, what it says of itself, and what was masked where."""

    archive: bytes
    manifest: Manifest
    masked: tuple[Masked, ...]
    result: SurveyResult


class _Instant:
    """A clock whose time of day stands, so that what is asked now is asked again of the recording."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now = clock.now()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._clock.monotonic()


async def collect(
    transport: Transport,
    clock: Clock,
    wanted: Wanted,
    progress: Callable[[str, int, int], None] = no_progress,
) -> Collected:
    """Look at a node, however it is reached, and pack what was seen without secrets and people.

    Costs a survey (one to three seconds at level 2) and about a second. Changes nothing there, writes nothing.
    """
    still = _Instant(clock)
    recording = Recording(transport)
    result = await survey(
        recording,
        still,
        wanted.expected,
        level=Beside(wanted.level, find_purposes()),
        since_seconds=wanted.since_seconds,
        origins=wanted.origins,
        progress=progress,
    )
    progress("masking secrets and names", 1, 1)
    manifest = Manifest(
        format=FORMAT,
        version=VERSION,
        keepwell=__version__,
        node=transport.name,
        recorded_at=still.now(),
        level=wanted.level,
        seconds=round(result.seconds, 3),
        since_seconds=wanted.since_seconds,
        origins=list(wanted.origins),
        names_masked=wanted.names,
        purposes=list(find_purposes()),
    )
    diagnosis = diagnose(result.seen, result.findings, (), get_catalogue(), get_follow_ups())
    papers = {
        "expected.json": render_wishes(wanted.expected),
        "findings.json": _lines([plain(replace(one, evidence=())) for one in result.findings]),
        "diagnosis.json": _lines(plain(replace(diagnosis, findings=()))),
    }
    archive, masked = pack_redacted(manifest, recording.tape(still.now()), papers)
    return Collected(archive=archive, manifest=manifest, masked=masked, result=result)


def pack_redacted(manifest: Manifest, tape: Tape, papers: dict[str, bytes]) -> tuple[bytes, tuple[Masked, ...]]:
    """The bytes of a bundle of this tape, all of it redacted; fills in what the manifest says of that."""
    hosts = _host_names(tape) * manifest.names_masked
    people = learn_people(texts_of(tape), hosts, _words_of_a_diagnosis())
    redactor = Redactor(people, Tokens(manifest.used))
    masked_tape = redact_tape(tape, redactor)
    masked_papers = {name: redactor.redact(text, name) for name, text in papers.items()}
    manifest.node = masked_tape.name
    manifest.origins = [redactor.redact_text(one, "origins") for one in manifest.origins]
    places = tuple(redactor.masked)
    counts = dict(manifest.masked)
    for kind, count in redactor.tokens.counts.items():
        counts[kind] = counts.get(kind, 0) + count
    manifest.masked = dict(sorted(counts.items()))
    manifest.used = redactor.tokens.used
    places = tuple(replace(one, place=redactor.redact_text(one.place)) for one in places)
    masked_papers["masked.json"] = _lines([plain(one) for one in places])
    return render_bundle(manifest, masked_tape, masked_papers), places


async def diagnose_bundle(path: Path) -> tuple[SurveyResult, Diagnosis]:
    """What a bundle's node suffers from, as `keepwell diagnose` would have said there. Errors as `open_bundle`."""
    result = await survey_bundle(open_bundle(path))
    return result, diagnose(result.seen, result.findings, (), get_catalogue(), get_follow_ups())


@cache
def _words_of_a_diagnosis() -> frozenset[str]:
    """What signatures look for and plug-ins are called: an account of that name must not hide it."""
    words = {word for family in ("engines", "services", "devices") for word in names(family)}
    for pattern in get_catalogue().signatures:
        words.update(_WORD.findall(pattern.lower()))
    return frozenset(words)


def _host_names(tape: Tape) -> list[str]:
    texts: list[bytes] = [tape.name.encode()]
    texts += [piece for path in _HOST_FILES if path in tape.files for _, piece in tape.files[path].pieces]
    for argv in _HOST_COMMANDS:
        ran = tape.commands.get(argv)
        texts += [getattr(ran, "stdout", b"")]
    return _words(texts)


def _words(texts: Iterable[bytes]) -> list[str]:
    words = {word.decode("utf-8", "replace") for text in texts for word in text.split()}
    return sorted(words | {word.partition(".")[0] for word in words})


def _lines(rows: Sequence[object] | object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(rows), indent=1) + b"\n"
