"""What checks about engines share: the facts that every finding about an engine carries, and its name in a message."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Seen
from keepwell.core.ref import Ref
from keepwell.core.values import row_of, text_of, texts_of


def engine_facts(seen: Seen, ref: Ref, **more: object) -> dict[str, str]:
    """Facts of a finding about this engine: title, url, supervisor, unit, pid and start as far as seen, and `more`.

    Empty ones are left out; `start` is quoted for reading.
    """
    site = row_of(seen.value(ref, "engine.site"))
    supervisor = row_of(seen.value(ref, "engine.supervisor"))
    facts = {
        "engine": text_of(site, "title"),
        "url": text_of(site, "url"),
        "supervisor": text_of(supervisor, "kind"),
        "unit": text_of(supervisor, "unit"),
        "pid": text_of(row_of(seen.value(ref, "engine.process")), "pid"),
        "start": shlex.join(texts_of(supervisor.get("start"))),
    }
    facts |= {name: str(value) for name, value in more.items()}
    return {name: value for name, value in facts.items() if value}


def engine_finding(
    seen: Seen, one: Observation, check: str, status: Status, words: str, facts: Mapping[str, str]
) -> Finding:
    """A finding about the engine of an observation: `words` follow its name, the observation is the evidence."""
    return Finding(
        check=check,
        subject=one.subject,
        status=status,
        message=f"{engine_title(seen, one.subject)} {words}",
        facts=engine_facts(seen, one.subject, **facts),
        evidence=looked_at(seen, one.subject, one.name),
    )


def engine_title(seen: Seen, ref: Ref) -> str:
    """The engine's proper name with its address, for a message: "Some Engine at http://127.0.0.1:8080"."""
    site = row_of(seen.value(ref, "engine.site"))
    title = text_of(site, "title") or ref.name
    url = text_of(site, "url")
    if not url:
        return title
    return f"{title} at {url}"


def not_seen(check: str, seen: Seen, one: Observation) -> Iterator[Finding]:
    """UNKNOWN with the reason where somebody looked and could not see; nothing for what is simply not there."""
    if isinstance(one.value, Missing) and one.value.kind == "failed":
        yield Finding(
            check=check,
            subject=one.subject,
            status=Status.UNKNOWN,
            message=f"{engine_title(seen, one.subject)}: could not be looked at: {one.value.reason}",
            evidence=(one,),
        )


def looked_at(seen: Seen, subject: Ref, *names: str) -> tuple[Observation, ...]:
    """Those observations of these names that exist: the evidence of a finding."""
    found = (seen.find(subject, name) for name in names)
    return tuple(one for one in found if one is not None)
