"""What was learned, as a file for another fleet: without machines, paths and people; and such a file, checked.

Who takes it over trusts it half as much as what was seen at home (see `weights`), and can take it back as a whole.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec

from keepwell.redact import Redactor, learn_people
from keepwell.store.lessons import OWN, Lesson, Miss, Strength

SCHEMA = "keepwell-learned/1"
#: Bytes and lessons of one file.
FILE_BYTES = 8 * 1024 * 1024
LESSONS = 1000
#: Characters of one text of a lesson, keys of one list, causes that one lesson may tell of.
TEXT_CHARS, KEYS, MISSES = 16 * 1024, 200, 50
#: Times are told to the day: more would say when somebody works.
DAY_SECONDS = 86_400.0

_CAUSE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_KEY = re.compile(r"[0-9a-f]{12}")
_CHECK = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9_.]+")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_ID = re.compile(r"x[0-9a-f]{12}")
# An account is named after such words, a machine before a colon and a path or in an address of somebody.
_ACCOUNT = re.compile(r"(?i)\b(user(?:name)?|account|login|owner|uid|logname)(\s*[=:]\s*|\s+)(['\"]?)[\w.-]+")
_AT_HOST = re.compile(r"[\w.+-]+@[\w.-]+")
_URL = re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/'\"]+", re.IGNORECASE)
_PATH = re.compile(
    r"(?<![\w<>/.])(?:~|\.{1,2})?/(?:<[a-z]+-\d+>|[^\s/'\"`,;()\[\]{}<>])(?:<[a-z]+-\d+>|[^\s'\"`,;()\[\]{}<>])*|\b[A-Za-z]:\\[^\s'\"]+"
)
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{0,4}\b", re.IGNORECASE)
_DOTTED = re.compile(
    r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:lan|local|home|internal|corp|localdomain|com|net|org|io|de|dev)\b"
)


class _Taught(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    at: float
    cause: str
    strength: Strength
    hits: list[str]
    misses: list[Miss]
    fixed_by: str
    title: str
    text: str
    words: str
    checks: list[str]


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    lessons: list[_Taught]


def render_export(lessons: Iterable[Lesson], hosts: Sequence[str] = ()) -> bytes:
    """What was learned here and not taken back, without anything that names a machine, a path or a person.

    `hosts` are names of machines that are known. Imported lessons stay out: they are another's to give.
    """
    mine = [one for one in lessons if one.counts and one.origin == OWN][:LESSONS]
    document = _Document(schema=SCHEMA, lessons=[_taught(one, hosts) for one in mine])
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def parse_export(content: bytes, name: str, now: float) -> tuple[Lesson, ...]:
    """The lessons of a file, marked with the name of the import; ValueError says what is wrong with it.

    Whatever could not have been written by `render_export` is refused as a whole: sizes, names, keys, shares.
    """
    if len(content) > FILE_BYTES:
        raise ValueError(f"larger than {FILE_BYTES} bytes")
    if name == OWN or not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of an import: lower-case letters, digits and hyphens")
    document = msgspec.json.decode(content, type=_Document)
    if document.schema != SCHEMA:
        raise ValueError(f"its schema is {document.schema!r}, expected {SCHEMA!r}")
    if len(document.lessons) > LESSONS:
        raise ValueError(f"{len(document.lessons)} lessons, at most {LESSONS} are taken over")
    lessons = tuple(_lesson(one, name, now) for one in document.lessons)
    if len({one.id for one in lessons}) < len(lessons):
        raise ValueError("two lessons have the same id")
    return lessons


def strip_particulars(text: str, hosts: Sequence[str] = ()) -> str:
    """A text without secrets, people, machines, paths and addresses; a second time changes nothing."""
    data = text.encode("utf-8", "replace")
    plain = Redactor(learn_people([data], hosts)).redact(data).decode("utf-8", "replace")
    for host in sorted(hosts, key=len, reverse=True):
        if len(host) > 1:
            plain = re.sub(rf"(?<![\w-]){re.escape(host)}(?![\w-])", "<host>", plain, flags=re.IGNORECASE)
    plain = _ACCOUNT.sub(r"\1\2\3<account>", plain)
    plain = _URL.sub(r"\1<host>", plain)
    plain = _AT_HOST.sub("<account>", plain)
    plain = _ADDRESS.sub("<address>", _PATH.sub("<path>", plain))
    return _DOTTED.sub("<host>", plain)


def _taught(lesson: Lesson, hosts: Sequence[str]) -> _Taught:
    return _Taught(
        id=f"x{hashlib.sha256(lesson.id.encode()).hexdigest()[:12]}",
        at=lesson.at // DAY_SECONDS * DAY_SECONDS,
        cause=lesson.cause,
        strength=lesson.strength,
        hits=list(lesson.hits[:KEYS]),
        misses=[replace(one, keys=one.keys[:KEYS]) for one in lesson.misses[:MISSES]],
        fixed_by=strip_particulars(lesson.fixed_by, hosts)[:TEXT_CHARS],
        title=strip_particulars(lesson.title, hosts)[:TEXT_CHARS],
        text=strip_particulars(lesson.text, hosts)[:TEXT_CHARS],
        words=strip_particulars(lesson.words, hosts)[:TEXT_CHARS],
        checks=list(lesson.checks[:KEYS]),
    )


def _lesson(taught: _Taught, name: str, now: float) -> Lesson:
    _require(bool(_ID.fullmatch(taught.id)), f"{taught.id[:40]!r} is not the id of a lesson")
    _require(_is_cause(taught.cause), f"{taught.cause[:80]!r} is not the name of a cause")
    _require(all(_is_cause(one.cause) for one in taught.misses), "a cause that misled has no such name")
    keys = [*taught.hits, *(key for one in taught.misses for key in one.keys)]
    _require(all(_KEY.fullmatch(key) for key in keys), "a key of evidence is none")
    _require(all(_CHECK.fullmatch(check) for check in taught.checks), "a check is none")
    _require(all(0.0 <= one.confidence <= 1.0 for one in taught.misses), "a confidence is not within 0..1")
    lists = [taught.hits, taught.checks, *(one.keys for one in taught.misses)]
    _require(len(taught.misses) <= MISSES and all(len(one) <= KEYS for one in lists), "a list is too long")
    texts = (taught.fixed_by, taught.title, taught.text, taught.words)
    _require(all(len(text) <= TEXT_CHARS for text in texts), "a text is too long")
    return Lesson(
        id=f"{name}/{taught.id}",
        at=min(now, max(0.0, taught.at)),
        cause=taught.cause,
        strength=taught.strength,
        hits=tuple(taught.hits),
        misses=tuple(taught.misses),
        fixed_by=strip_particulars(taught.fixed_by),
        title=strip_particulars(taught.title),
        text=strip_particulars(taught.text),
        words=strip_particulars(taught.words),
        checks=tuple(taught.checks),
        origin=name,
    )


def _is_cause(name: str) -> bool:
    return len(name) <= 64 and bool(_CAUSE.fullmatch(name))


def _require(sound: bool, what: str) -> None:
    if not sound:
        raise ValueError(what)
