"""May the serving user use the model store, and is every file that must be there there, whole?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.values import row_of, rows_of, text_of
from keepwell.plugins.facts import engine_facts, engine_title, looked_at, not_seen

#: Problems of access, and those of the files themselves (see engine.store).
ACCESS = ("unreadable", "unsearchable", "unwritable")
FILES = ("truncated", "empty", "not-a-model", "manifest-corrupt", "missing")


def judge_readable(seen: Seen) -> Iterator[Finding]:
    """CRITICAL when the serving user may not enter, read or (where it fetches models) write the store.

    `place` is above when a folder on the way to the store is closed, which must only be searched.
    """
    for one in seen.named("engine.store"):
        row = row_of(one.value)
        if not row:
            yield from not_seen("store.readable", seen, one)
        elif "user" in row:
            yield _verdict(seen, one, "store.readable", ACCESS, "may use its model store")


def judge_files(seen: Seen) -> Iterator[Finding]:
    """CRITICAL when a file of a model is missing, cut, empty, no model, or a manifest cannot be read."""
    for one in seen.named("engine.store"):
        row = row_of(one.value)
        if not row:
            yield from not_seen("store.files", seen, one)
        elif text_of(row, "unlisted").startswith("failed"):
            words = f"{engine_title(seen, one.subject)}: its models could not be listed: {text_of(row, 'unlisted')}"
            yield Finding(
                check="store.files", subject=one.subject, status=Status.UNKNOWN, message=words, evidence=(one,)
            )
        elif not _is_new(seen, one):
            yield _verdict(seen, one, "store.files", FILES, "has every file of its models")


def _is_new(seen: Seen, one: Observation) -> bool:
    """An engine that fetches models and lists none makes its folder when it fetches the first."""
    if row_of(one.value).get("fills") is False:
        return False
    problems = rows_of(row_of(one.value).get("problems"))
    folder = text_of(row_of(one.value), "path")
    whole = any(text_of(row, "path") == folder and text_of(row, "kind") == "missing" for row in problems)
    return whole and not rows_of(seen.value(one.subject, "engine.models"))


def _verdict(seen: Seen, one: Observation, check: str, kinds: tuple[str, ...], well: str) -> Finding:
    store = row_of(one.value)
    wrong = [row for row in rows_of(store.get("problems")) if text_of(row, "kind") in kinds]
    title = engine_title(seen, one.subject)
    if not wrong:
        return Finding(check=check, subject=one.subject, status=Status.OK, message=f"{title} {well}", evidence=(one,))
    worst = next(row for kind in kinds for row in wrong if text_of(row, "kind") == kind)
    others = ""
    if len(wrong) > 1:
        others = f" (and {len(wrong) - 1} more)"
    model = text_of(worst, "model")
    what = text_of(worst, "path") + f" of {model}" * bool(model)
    return Finding(
        check=check,
        subject=one.subject,
        status=Status.CRITICAL,
        message=f"{title}: {what} is {text_of(worst, 'kind')}: {text_of(worst, 'detail')}{others}",
        facts=_facts(seen, one, store, worst),
        evidence=looked_at(seen, one.subject, "engine.store"),
    )


def _facts(seen: Seen, one: Observation, store: Mapping[str, Value], worst: Mapping[str, Value]) -> dict[str, str]:
    names = ("kind", "path", "model", "mode", "owner_uid", "owner_gid", "wished_mode", "detail", "role")
    folder = text_of(store, "path")
    above = PurePosixPath(text_of(worst, "path")) in PurePosixPath(folder).parents
    return engine_facts(
        seen,
        one.subject,
        **{name: text_of(worst, name) for name in names},
        user=text_of(store, "user"),
        uid=text_of(store, "uid"),
        gid=text_of(store, "gid"),
        groups=text_of(store, "groups"),
        folder=folder,
        place={True: "above"}.get(above, "store"),
    )


CHECKS = (
    Check(
        id="store.readable",
        title="The serving user may use the model store",
        needs=("engine.store",),
        judge=judge_readable,
    ),
    Check(
        id="store.files",
        title="Every file of every model is there and whole",
        needs=("engine.store",),
        judge=judge_files,
    ),
)
