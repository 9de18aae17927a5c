"""The model that was asked for against those that are offered, and against the one that answered."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from keepwell.checks.text.rows import rows_named, tell
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen
from keepwell.core.values import text_of

CHECK = "text.model"


def judge_model(seen: Seen) -> Iterator[Finding]:
    """Bad when a model that was said to be missing is not in the list, or another one answered."""
    listed = rows_named(seen, "text.models", kind="listed")
    missing = rows_named(seen, "text.models", kind="missing")
    names = {_plain(text_of(row, "name")): text_of(row, "name") for row in listed}
    for row in missing:
        name = text_of(row, "name")
        if names and _plain(name) not in names:
            near = difflib.get_close_matches(_plain(name), names, n=1, cutoff=0.5)
            words = f"{name} was asked for, and the list has {', '.join(sorted(names.values())[:4])}"
            facts = {"kind": "not-listed", "model": name, "nearest": "".join(names[one] for one in near)}
            yield tell(CHECK, Status.WARNING, words, [row, *listed], seen, **facts)
            return
    yield from _answered(seen)


def _answered(seen: Seen) -> Iterator[Finding]:
    asked = rows_named(seen, "text.models", kind="asked")
    answered = rows_named(seen, "text.models", kind="answered")
    if not asked or not answered:
        return
    wished = {_plain(text_of(row, "name")) for row in asked}
    others = [row for row in answered if not _fits(_plain(text_of(row, "name")), wished)]
    if others and len(wished) == 1:
        name, other = text_of(asked[0], "name"), text_of(others[0], "name")
        words = f"{name} was asked for, and {other} answered"
        facts = {"kind": "other-model", "model": name, "answered": other}
        yield tell(CHECK, Status.WARNING, words, [*asked, *others], seen, **facts)


def _fits(name: str, wished: set[str]) -> bool:
    return any(name == one or name in one or one in name for one in wished)


def _plain(name: str) -> str:
    """The name as engines compare it: without the tag `latest` and a folder or extension of a file."""
    return name.lower().removesuffix(":latest").rpartition("/")[2].removesuffix(".gguf")
