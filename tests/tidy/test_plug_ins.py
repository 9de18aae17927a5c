"""Every plug-in keeps the contract of its family, and families fit together: what a check needs, a probe gives."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import cast

import pytest

from keepwell.core.finding import Check, Status
from keepwell.core.metric import Metric
from keepwell.core.observation import Seen
from keepwell.formats.transcript import parse_transcript
from keepwell.metrics import declared
from keepwell.plugins.collector import Collector
from keepwell.plugins.engine import Engine, TellsNumbers
from keepwell.plugins.notifier import Notifier
from keepwell.plugins.pasted import Pasted, load_recognisers
from keepwell.plugins.probe import Probe
from keepwell.plugins.registry import FAMILIES, load, load_all, names
from keepwell.plugins.sink import Sink
from keepwell.plugins.step import Step
from keepwell.plugins.wish import Keeps
from keepwell.survey.timetable import DISCOVERED
from tests.survey.pasted_texts import TELLING

PLUG_INS = [(family, name) for family in FAMILIES for name in names(family)]


@cache
def _probes() -> dict[str, Probe]:
    return cast(dict[str, Probe], load_all("probes"))


@cache
def _checks() -> tuple[Check, ...]:
    files = cast(dict[str, tuple[Check, ...]], load_all("checks"))
    return tuple(check for checks in files.values() for check in checks)


@cache
def _given() -> set[str]:
    """All names that somebody observes: probes, collectors, discovery, the look before a plan (`path.*`), readers, the
    hub itself, and whoever asks engines for their numbers.
    """
    looked_at = {name for name in declared() if name.startswith("path.")}
    collected = {name for one in load_all("collectors").values() for name in cast(Collector, one).gives}
    told = {name for one in load_all("engines").values() if isinstance(one, TellsNumbers) for name in one.tells}
    return (
        looked_at
        | collected
        | told
        | {"engine.asked_seconds"}
        | _own()
        | DISCOVERED
        | _told()
        | {name for probe in _probes().values() for name in probe.gives}
    )


@cache
def _own() -> set[str]:
    """All names that the hub tells of itself, of its collectors, and of what series do over time; and what was asked
    for.
    """
    return {name for name in declared() if name.startswith(("hub.", "collector.", "trend.", "ready.", "smoke."))}


@cache
def _told() -> set[str]:
    """All names that a pasted text may tell."""
    return {name for one in load_recognisers().values() for name in one.gives}


@pytest.mark.parametrize(("family", "name"), PLUG_INS)
def test_every_plug_in_loads_as_what_it_is(family: str, name: str) -> None:
    plug_in = load(family, name)
    if family == "probes":
        assert isinstance(plug_in, Probe)
        assert 1 <= plug_in.level <= 4
        assert plug_in.about in ("node", "engine")
        assert plug_in.gives
    if family == "collectors":
        assert isinstance(plug_in, Collector)
        assert plug_in.every_seconds > 0
        assert [one for one in plug_in.gives if not isinstance(declared().get(one), Metric)] == []
    if family == "sinks":
        assert isinstance(plug_in, Sink)
    if family == "notify":
        assert isinstance(plug_in, Notifier)
    if family == "engines":
        assert isinstance(plug_in, Engine)
        assert plug_in.title
    if family == "steps":
        assert isinstance(plug_in, Step | Keeps)
        assert plug_in.title
        if isinstance(plug_in, Step):
            assert plug_in.mends
        if isinstance(plug_in, Keeps):
            assert plug_in.table
            assert [one.name for one in plug_in.keys if not one.help] == []
            assert plug_in.propose(Seen(), "node") == ()
    if family == "pasted":
        assert isinstance(plug_in, Pasted)
        assert plug_in.hints
        assert plug_in.gives
    if family == "checks":
        assert isinstance(plug_in, tuple)
        for check in plug_in:
            assert isinstance(check, Check)
            assert check.id.startswith(f"{name}.")
            assert check.title
            assert check.needs
            assert 1 <= check.level <= 4


@pytest.mark.parametrize("name", names("probes"))
def test_what_a_probe_gives_and_needs_is_declared(name: str) -> None:
    probe = _probes()[name]
    assert [one for one in (*probe.gives, *probe.needs) if one not in declared()] == []
    assert [one for one in probe.needs if one not in _given()] == []
    assert probe.cost_seconds >= 0


@pytest.mark.parametrize("name", load_recognisers())
def test_a_recogniser_tells_what_it_says_and_nothing_else(name: str) -> None:
    one = load_recognisers()[name]
    assert [gives for gives in one.gives if gives not in declared()] == []
    assert [hint for hint in one.hints if not hint or hint != hint.lower()] == []
    told = {told.name for _, _, _, text in TELLING for told in one.read(parse_transcript(text))}
    assert told <= set(one.gives)


@pytest.mark.parametrize("name", names("probes"))
def test_nothing_below_level_three_wakes_or_loads(name: str) -> None:
    probe = _probes()[name]
    assert probe.level >= 3 or probe.effect == "none"


def test_every_check_has_its_own_id() -> None:
    ids = [check.id for check in _checks()]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("name", names("checks"))
def test_what_a_check_needs_is_declared_and_given(name: str) -> None:
    for check in cast(Iterable[Check], load("checks", name)):
        assert [need for need in check.needs if need not in declared()] == [], check.id
        assert [need for need in check.needs if need not in _given()] == [], check.id
        levels = [probe.level for probe in _probes().values() if set(probe.gives) & set(check.needs)]
        levels += [1 for need in check.needs if need in DISCOVERED | _told() | _own()]
        assert min(levels) <= check.level, f"{check.id} is asked before anything that it needs is looked at"


@pytest.mark.parametrize("name", names("checks"))
def test_who_saw_nothing_finds_nothing_wrong(name: str) -> None:
    for check in cast(Iterable[Check], load("checks", name)):
        assert [one for one in check.judge(Seen()) if one.status is not Status.UNKNOWN] == [], check.id


@pytest.mark.parametrize("name", names("steps"))
def test_a_step_mends_what_a_check_finds(name: str) -> None:
    step = load("steps", name)
    mends = getattr(step, "mends", ())
    assert [one for one in mends if one not in {check.id for check in _checks()}] == []


def test_each_table_of_wishes_belongs_to_one_step() -> None:
    tables = [one.table for one in (load("steps", name) for name in names("steps")) if isinstance(one, Keeps)]
    assert sorted(set(tables)) == sorted(tables)


def test_every_declaration_is_given_by_a_probe() -> None:
    assert sorted(set(declared()) - _given()) == []
