"""Are an engine's settings well formed, read by this release, and in force as its start files ask?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import row_of, text_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at, not_seen

#: Kind of problem (see engine.settings) -> check, status of a bad one.
_CHECK_OF = {
    "malformed": ("settings.valid", Status.CRITICAL),
    "unread": ("settings.read", Status.WARNING),
    "shadowed": ("settings.applied", Status.WARNING),
}


def judge_valid(seen: Seen) -> Iterator[Finding]:
    """CRITICAL for each malformed value; OK where all are well formed."""
    yield from _judge(seen, "malformed", "has no malformed setting")


def judge_read(seen: Seen) -> Iterator[Finding]:
    """WARNING for each setting that this release never reads."""
    yield from _judge(seen, "unread", "reads every setting that it was given")


def judge_applied(seen: Seen) -> Iterator[Finding]:
    """WARNING for each setting whose value in force is not the one in the start files."""
    yield from _judge(seen, "shadowed", "runs with the settings of its start files")


def _judge(seen: Seen, kind: str, well: str) -> Iterator[Finding]:
    check, status = _CHECK_OF[kind]
    for one in seen.named("engine.settings"):
        settings = row_of(one.value)
        rows = [(name, row_of(told)) for name, told in settings.items()]
        wrong = [(name, row) for name, row in rows if text_of(row, "kind") == kind]
        yield from not_seen(check, seen, one)
        for name, row in wrong[:1]:
            yield _bad(seen, one.subject, check, status, name, row, len(wrong))
        if settings and not wrong:
            yield Finding(
                check=check,
                subject=one.subject,
                status=Status.OK,
                message=f"{engine_title(seen, one.subject)} {well}",
                evidence=(one,),
            )


def _bad(seen: Seen, ref: Ref, check: str, status: Status, name: str, row: Mapping[str, Value], count: int) -> Finding:
    """The first of the wrong settings; the others are counted, since one finding a subject is the rule."""
    wish = row_of(row_of(seen.value(ref, "engine.wished_settings")).get(name))
    value = text_of(row, "value") or text_of(wish, "value")
    more = ""
    if count > 1:
        more = f" (and {count - 1} more)"
    facts = engine_facts(
        seen,
        ref,
        name=name,
        value=value,
        file=text_of(wish, "file"),
        line=text_of(wish, "line"),
        problem=text_of(row, "problem"),
        nearest=text_of(row, "nearest"),
        wished=text_of(row, "suggested") or text_of(row, "wished"),
        effective=value,
        origin=text_of(row, "origin"),
    )
    return Finding(
        check=check,
        subject=ref,
        status=status,
        message=f"{engine_title(seen, ref)}: {name}={value}: {text_of(row, 'problem')}{more}",
        facts=facts,
        evidence=looked_at(seen, ref, "engine.settings", "engine.wished_settings"),
    )


CHECKS = (
    Check(
        id="settings.valid",
        title="Every setting is well formed",
        needs=("engine.settings", "engine.wished_settings"),
        judge=judge_valid,
    ),
    Check(
        id="settings.read",
        title="Every setting is read by this release",
        needs=("engine.settings", "engine.wished_settings"),
        judge=judge_read,
    ),
    Check(
        id="settings.applied",
        title="The settings in force are those of the start files",
        needs=("engine.settings", "engine.wished_settings"),
        judge=judge_applied,
    ),
)
