"""What checks share: typed look-ups in what was seen, and the facts that every finding about an engine carries."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref

Row = Mapping[str, Value]


def row_of(value: Value | Missing) -> Row:
    """The value if it is a mapping, else an empty one. Ask for Missing first where its reason matters."""
    if isinstance(value, Mapping):
        return value
    return {}


def rows_of(value: Value | Missing) -> tuple[Row, ...]:
    """The mappings of a tuple; () for anything else."""
    if isinstance(value, tuple):
        return tuple(one for one in value if isinstance(one, Mapping))
    return ()


def texts_of(value: Value | Missing) -> tuple[str, ...]:
    """The texts of a tuple; () for anything else."""
    if isinstance(value, tuple):
        return tuple(one for one in value if isinstance(one, str))
    return ()


def text_in(row: Row, key: str) -> str:
    """A field as text; "" when it is not there."""
    value = row.get(key, "")
    if isinstance(value, str | int | float):
        return str(value)
    return ""


def number_in(row: Row, key: str) -> float | None:
    """A field as a number; None when it is not there or is not one."""
    value = row.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None


def looked_at(seen: Seen, subject: Ref, *names: str) -> tuple[Observation, ...]:
    """Those observations of these names that exist: the evidence of a finding."""
    found = (seen.find(subject, name) for name in names)
    return tuple(one for one in found if one is not None)


def engine_facts(seen: Seen, ref: Ref, **more: object) -> dict[str, str]:
    """Facts of a finding about this engine: title, url, supervisor, unit, pid and start as far as seen, and `more`.

    Empty ones are left out; `start` is quoted for reading.
    """
    site = row_of(seen.value(ref, "engine.site"))
    supervisor = row_of(seen.value(ref, "engine.supervisor"))
    facts = {
        "engine": text_in(site, "title"),
        "url": text_in(site, "url"),
        "supervisor": text_in(supervisor, "kind"),
        "unit": text_in(supervisor, "unit"),
        "pid": text_in(row_of(seen.value(ref, "engine.process")), "pid"),
        "start": shlex.join(texts_of(supervisor.get("start", ()))),
    }
    facts |= {name: str(value) for name, value in more.items()}
    return {name: value for name, value in facts.items() if value}


def engine_title(seen: Seen, ref: Ref) -> str:
    """The engine's proper name with its address, for a message: "Ollama at http://127.0.0.1:11434"."""
    site = row_of(seen.value(ref, "engine.site"))
    title = text_in(site, "title") or ref.name
    url = text_in(site, "url")
    if not url:
        return title
    return f"{title} at {url}"
