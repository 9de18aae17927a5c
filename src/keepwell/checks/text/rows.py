"""What checks of texts share: the rows of an observation, and a finding that names the lines that it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, rows_of, text_of

Row = Mapping[str, Value]


def rows_named(seen: Seen, name: str, **wanted: str) -> list[Row]:
    """The rows of all observations of this name whose fields have these values."""
    found = [row for one in seen.named(name) for row in rows_of(one.value)]
    return [row for row in found if all(text_of(row, key) == value for key, value in wanted.items())]


def number_of(row: Row, key: str) -> int:
    """The whole number under a key; 0 where there is none."""
    return int(find_number(row.get(key)) or 0)


def tell(check: str, status: Status, words: str, rows: Iterable[Row], seen: Seen, **facts: object) -> Finding:
    """A finding about the machine of the text that rests on these rows; empty facts are left out."""
    numbers = sorted({number_of(row, "line") for row in rows} - {0})
    told = {name: str(value) for name, value in facts.items()}
    return Finding(
        check=check,
        subject=_machine(seen),
        status=status,
        message=words,
        facts={name: value for name, value in told.items() if value} | {"lines": " ".join(map(str, numbers))},
        evidence=_evidence(seen, check),
    )


def _machine(seen: Seen) -> Ref:
    return next((one.subject for one in seen if one.subject.kind == "node"), Ref("node", ("pasted",)))


def _evidence(seen: Seen, check: str) -> tuple[Observation, ...]:
    return tuple(one for name in NEEDS.get(check, ()) for one in seen.named(name))


#: What each check of texts looks at; `CHECKS` in the package is made of it.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "text.address": ("text.asked", "text.listening", "host.containers"),
    "text.path": ("text.asked",),
    "text.model": ("text.models",),
    "text.context": ("text.contexts",),
    "text.layers": ("text.layers", "text.gpus", "device.list", "text.contexts"),
    "text.gpu": ("text.gpus", "host.containers", "device.list"),
    "text.ranks": ("text.ranks", "device.list"),
    "text.cores": ("text.cores",),
    "text.cuda": ("text.versions",),
    "text.kernel": ("text.versions",),
    "text.release": ("text.versions",),
    "text.setting": ("text.settings",),
    "text.permission": ("text.paths", "text.users", "text.denied"),
    "text.duration": ("text.durations",),
    "text.memory": ("text.memory",),
    "text.package": ("text.requirements",),
    "text.proxy": ("text.proxied", "text.durations"),
    "text.limit": ("text.limits", "text.ranks", "host.mounts"),
}
