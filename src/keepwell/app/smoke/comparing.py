"""Two tests, or two benchmarks, beside each other: what became better or worse, what is new, gone or the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from keepwell.app.operation import Caller
from keepwell.app.smoke.report import Change, CompareReport
from keepwell.app.wiring import find_state
from keepwell.core.errors import ConfigurationError, NotThere
from keepwell.store.smokes import FILE_BYTES, KeptSmoke, SmokeRow, list_ids, load_smoke, read_report

#: "last" is the newest test, "last-1" the one before it of the same kind, target and depth.
_LAST = re.compile(r"last(?:-(\d{1,3}))?")
#: How bad a status is; what could not be asked is no worse than what is well, only another answer.
_BADNESS: Mapping[str, int] = {"ok": 0, "unknown": 0, "warning": 1, "critical": 2}
#: The order in which changes are told.
STATES = ("worse", "new", "gone", "other", "better", "same")


async def compare(caller: Caller, before: str, after: str) -> CompareReport:
    """Each is an id, a file, "last" or "last-1". ConfigurationError for what is neither, or two of other kinds."""
    state = find_state(caller)
    for kind in KINDS:
        made = kind(state, before, after)
        if made is not None:
            return made
    known = ", ".join(list_ids(state)[-3:]) or "none is kept yet: keepwell smoke"
    raise ConfigurationError(
        f"{before!r} and {after!r} are no two tests", hint=f"name ids, files, last or last-1; the newest: {known}"
    )


def compare_smokes(before: KeptSmoke, after: KeptSmoke) -> CompareReport:
    """What changed between two tests. Times are told, not judged: one answer is no measurement. Pure."""
    old, new = _by_key(before.rows), _by_key(after.rows)
    changes = [_change(old.get(key), new.get(key)) for key in dict.fromkeys([*old, *new])]
    changes.sort(key=_place)
    return CompareReport(
        kind=after.kind,
        before=before.id,
        after=after.id,
        before_at=before.at,
        after_at=after.at,
        before_seconds=before.seconds,
        after_seconds=after.seconds,
        changes=tuple(changes),
        about=tuple(_about(before, after)),
    )


def judge_change(before: SmokeRow | None, after: SmokeRow | None) -> str:
    """The word for what became of a question. Pure."""
    if before is None or after is None:
        return {True: "new", False: "gone"}[before is None]
    step = _BADNESS.get(after.status, 0) - _BADNESS.get(before.status, 0)
    if step:
        return {True: "worse", False: "better"}[step > 0]
    same = (before.status, before.kind) == (after.status, after.kind)
    return {True: "same", False: "other"}[same]


def _change(before: SmokeRow | None, after: SmokeRow | None) -> Change:
    some = before or after
    assert some is not None
    none = SmokeRow(check="", subject="", status="", message="")
    old, new = before or none, after or none
    return Change(
        state=judge_change(before, after),
        check=some.check,
        subject=some.subject,
        case=some.case,
        before=old.status,
        after=new.status,
        before_message=old.message,
        after_message=new.message,
        before_seconds=old.seconds,
        after_seconds=new.seconds,
    )


def _place(one: Change) -> int:
    return STATES.index(one.state)


def _by_key(rows: Iterable[SmokeRow]) -> dict[tuple[str, str, str], SmokeRow]:
    return {(one.check, one.subject, one.case): one for one in rows}


def _about(before: KeptSmoke, after: KeptSmoke) -> Iterator[str]:
    """What makes the two unlike each other."""
    if before.target != after.target:
        yield f"of another target: {before.target or 'this machine'}, then {after.target or 'this machine'}"
    if before.comprehensive != after.comprehensive:
        yield "one of them is comprehensive: its further questions are new or gone"


def _compare_tests(state: Path, before: str, after: str) -> CompareReport | None:
    old, new = _find(state, before), _find(state, after)
    if old is None or new is None:
        return None
    if old.kind != new.kind:
        raise ConfigurationError(f"{before} is of the kind {old.kind}, {after} of the kind {new.kind}")
    return compare_smokes(old, new)


def _find(state: Path, word: str) -> KeptSmoke | None:
    """The test of this word; None where it is none."""
    last = _LAST.fullmatch(word)
    if last:
        return _find_last(state, int(last[1] or 0))
    if word in list_ids(state):
        return load_smoke(state, word)
    path = Path(word)
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
        return read_report(content)
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", where=word) from error
    except ValueError as error:
        raise ConfigurationError(
            f"holds no smoke test: {error}", where=word, hint="keepwell smoke --json > FILE"
        ) from error


def _find_last(state: Path, number: int) -> KeptSmoke:
    """The newest, or the one so many before it that is like it."""
    newest: KeptSmoke | None = None
    for name in reversed(list_ids(state)):
        one = load_smoke(state, name)
        newest = newest or one
        if _likeness(one) == _likeness(newest):
            if not number:
                return one
            number -= 1
    if newest is None:
        raise NotThere("no test is kept yet", hint="keepwell smoke makes one")
    raise NotThere(
        "no earlier test of the same target and depth is kept", where=newest.id, hint="name two ids or files"
    )


def _likeness(one: KeptSmoke) -> tuple[str, str, bool]:
    return one.kind, one.target, one.comprehensive


def _compare_benchmarks(state: Path, before: str, after: str) -> CompareReport | None:
    """By the verdict of `keepwell.bench.verdict`, where both are benchmarks."""
    from keepwell.app.smoke.measured import compare_benchmarks

    return compare_benchmarks(state, before, after)


#: Who may know two words, asked in turn; each gives None for words that are not of its kind.
KINDS: tuple[Callable[[Path, str, str], CompareReport | None], ...] = (_compare_benchmarks, _compare_tests)
