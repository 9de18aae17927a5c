"""The requests of a rehearsal: out of a file, as they were recorded, or a few that keepwell brings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from keepwell.core.errors import ConfigurationError
from keepwell.store.bodies import BODY_BYTES, KeptBody

#: Requests of one rehearsal, and bytes of a file of them and of one line.
MOST, FILE_BYTES, LINE_BYTES = 1000, 64 * 1024 * 1024, 1024 * 1024
#: The seed of every request that is played: a number that nobody else takes, so that the record tells them apart.
SEED = 20_260_117
#: Paths of bodies that name none, by a field that only such a body has.
PATHS = {"messages": "/v1/chat/completions", "prompt": "/v1/completions", "input": "/v1/embeddings"}
CHAT = PATHS["messages"]
_LONG = " ".join(f"Line {one}: the valve of tank {one % 7} was opened at {one % 24} o'clock." for one in range(60))
_USED: tuple[tuple[str, ...], ...] = (
    ("Name the three primary colours, one on each line, and nothing else.",),
    ("What is 17 times 23? Answer with the number alone.",),
    ("Write a Python function that tells whether a number is prime.",),
    ("Übersetze ins Englische: Der Server antwortet nicht, weil die Platte voll ist.",),
    ("Answer as JSON with the fields city and country: Where does the Eiffel Tower stand?",),
    ("My name is Ada.", "Hello Ada, what can I do for you?", "What is my name?"),
    ("List the numbers from 1 to 40 with commas between them.",),
    (f"{_LONG}\n\nHow many tanks are there, and which valve was opened at 5 o'clock first?",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One request: the path that the client asked, its body as JSON, and what it is called."""

    path: str
    body: Mapping[str, object]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Requests, and why others were left out: a count by reason. `masked` says that names and secrets are tokens."""

    given: tuple[Given, ...]
    left_out: Mapping[str, int]
    masked: bool = False


def make_built_in() -> Found:
    """A few requests of the usual kinds: short, long, counted, code, another language, JSON, a conversation."""
    made: list[Given] = []
    for number, texts in enumerate(_USED, 1):
        roles = ("user", "assistant", "user")
        messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
        made.append(Given(path=CHAT, body={"messages": messages}, name=f"built-in {number}"))
    return Found(given=tuple(made), left_out={})


def parse_given(content: bytes, where: str) -> Found:
    """One JSON object a line: `{"path": ..., "body": {...}}`, or a body alone. Raises ConfigurationError."""
    if len(content) > FILE_BYTES:
        raise ConfigurationError(f"more than {FILE_BYTES} bytes of requests", where=where)
    made: list[Given] = []
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        if len(made) >= MOST:
            raise ConfigurationError(f"more than {MOST} requests", where=f"{where}:{number}")
        made.append(_parse_line(line, f"{where}:{number}", f"line {number}"))
    if not made:
        raise ConfigurationError("there is no request in it", where=where)
    return Found(given=tuple(made), left_out={})


def choose_recorded(bodies: Iterable[KeptBody], paths: Mapping[int, str], most: int) -> Found:
    """The newest of these (they come newest first) that went well, each text once; `paths` are of those by number."""
    made: list[Given] = []
    left_out: dict[str, int] = {}
    seen: set[str] = set()
    for one in bodies:
        why = _why_not(one, paths, seen)
        if not why:
            seen.add(one.asked)
            given = _read_recorded(one, paths[one.id])
            if given is not None and len(made) < min(most, MOST):
                made.append(given)
            why = "not readable as it was kept" * (given is None)
        if why:
            left_out[why] = left_out.get(why, 0) + 1
    return Found(given=tuple(made), left_out=left_out, masked=bool(made))


def _why_not(one: KeptBody, paths: Mapping[int, str], seen: set[str]) -> str:
    if one.id not in paths:
        return "it failed, or is no longer in the record"
    if one.asked in seen:
        return "asked before"
    if f'"seed":{SEED}' in one.asked:
        return "played by an earlier rehearsal"
    if len(one.asked.encode("utf-8", "replace")) >= BODY_BYTES:
        return f"longer than the {BODY_BYTES // 1024} KiB that are kept"
    return ""


def _read_recorded(one: KeptBody, path: str) -> Given | None:
    try:
        body = msgspec.json.decode(one.asked, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError):
        return None
    return Given(path=path, body=body, name=f"request {one.id}")


def _parse_line(line: bytes, where: str, name: str) -> Given:
    if len(line) > LINE_BYTES:
        raise ConfigurationError(f"a request of more than {LINE_BYTES} bytes", where=where)
    try:
        row = msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ConfigurationError(f"not a JSON object: {error}", where=where) from error
    body, path = row.get("body"), row.get("path")
    if isinstance(body, dict) and isinstance(path, str):
        return Given(path=path, body=body, name=name)
    found = next(_paths_of(row), "")
    if not found:
        hint = 'write {"path": "/v1/chat/completions", "body": {...}}, or a body with messages, prompt or input'
        raise ConfigurationError("no request that is known", where=where, hint=hint)
    return Given(path=found, body=row, name=name)


def _paths_of(body: Mapping[str, object]) -> Iterator[str]:
    return (path for field, path in PATHS.items() if field in body)
