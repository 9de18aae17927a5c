"""Recorded machines for level 2: TOML files in `level2/`, each a node, what level 1 saw there, and what must come out.

say         what the machine is, in a sentence
base        another case whose node and sightings this one starts from (its expectations are not taken over)
remove      paths of the base that are not there
now         wall time
node        a tape (see keepwell.transport.recorded.tape_file) without format and name
process     the serving process of the one engine, if any
seen        observations of level 1 about that engine; about_node: about the node
bad         check -> facts that its bad finding must have; no other check may come out bad
good        checks that must come out OK
unknown     checks: those that must come out UNKNOWN and not OK
missing     observation -> absent, unknown or failed
numbers     observation about the first device or the node -> number; values: -> some of its fields
untouched   calls: beginnings of calls that nobody may make
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from keepwell.core.finding import Check, Finding
from keepwell.core.observation import Observation, Seen, Value, absent
from keepwell.core.ref import engine, node
from keepwell.plugins import registry
from keepwell.plugins.place import Place, ServingProcess, Site
from keepwell.plugins.probe import Probe
from keepwell.testing.clock import FakeClock
from keepwell.testing.node import RecordedNode
from keepwell.transport.recorded.tape_file import FORMAT, parse_tape

HERE = Path(__file__).resolve().parent / "level2"
NODE = node("box")
ENGINE = engine("box", "some")
#: The parts of a case that are expectations.
EXPECTED = ("bad", "good", "unknown", "missing", "numbers", "values", "untouched", "say", "base", "remove")


@dataclass(frozen=True)
class Outcome:
    """What looking at a recorded machine gave."""

    seen: Seen
    findings: tuple[Finding, ...]
    node: RecordedNode
    made: tuple[tuple[Probe, tuple[Observation, ...]], ...]

    def bad(self) -> dict[str, Finding]:
        """Bad findings by check, the first of each."""
        return {one.check: one for one in reversed(self.findings) if one.bad}


def case_names() -> list[str]:
    """All cases."""
    return sorted(path.stem for path in HERE.glob("*.toml"))


def load_case(name: str) -> dict[str, Any]:
    """A case with its bases laid under it."""
    case = tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))
    if "base" not in case:
        return case
    base = {key: value for key, value in load_case(case["base"]).items() if key not in EXPECTED}
    merged = _laid_over(base, case)
    for path in case.get("remove", []):
        merged["node"]["files"].pop(path)
    return merged


def _laid_over(base: Any, new: Any) -> Any:
    if isinstance(base, dict) and isinstance(new, dict) and "kind" not in new:
        return base | {key: _laid_over(base.get(key), value) for key, value in new.items()}
    if isinstance(base, list) and isinstance(new, list) and any("argv" in one for one in new):
        replaced = [one["argv"] for one in new]
        return [one for one in base if one["argv"] not in replaced] + new
    return new


async def look(name: str) -> Outcome:
    """Run every probe of level 2 against a case, and every check of level 2 over what was seen."""
    case = load_case(name)
    tape = parse_tape(msgspec.json.encode({"format": FORMAT, "name": "box"} | case["node"]))
    recorded = RecordedNode(tape)
    clock = FakeClock(case["now"])
    observations = [_saw(ENGINE, one, value, clock) for one, value in case.get("seen", {}).items()]
    observations += [_saw(NODE, one, value, clock) for one, value in case.get("about_node", {}).items()]
    made = []
    for probe in _probes():
        site = _site(case) if probe.about == "engine" else None
        if probe.about == "engine" and "seen" not in case:
            continue
        place = Place(node=NODE, transport=recorded, clock=clock, seen=Seen(observations), site=site)
        found = tuple(await probe.observe(place))
        observations += found
        made.append((probe, found))
    seen = Seen(observations)
    findings = tuple(finding for check in level_two_checks() for finding in check.judge(seen))
    return Outcome(seen=seen, findings=findings, node=recorded, made=tuple(made))


def level_two_checks() -> list[Check]:
    """Every check of level 2."""
    families = registry.load_all("checks").values()
    checks = [check for family in families if isinstance(family, tuple) for check in family]
    return [check for check in checks if isinstance(check, Check) and check.level == 2]


def _probes() -> list[Probe]:
    found = [one for one in registry.load_all("probes").values() if isinstance(one, Probe) and one.level == 2]
    return sorted(found, key=lambda one: len(one.needs))


def _site(case: Mapping[str, Any]) -> Site:
    process: Any = absent("nothing serves")
    if "process" in case:
        process = ServingProcess(argv=("server",), environment={}, **case["process"])
    return Site(ref=ENGINE, engine="some", url="http://127.0.0.1:11434", process=process)


def _saw(subject: Any, name: str, value: Any, clock: FakeClock) -> Observation:
    return Observation(subject=subject, name=name, value=_frozen(value), at=clock.now(), source="the case")


def _frozen(value: Any) -> Value:
    if isinstance(value, list):
        return tuple(_frozen(one) for one in value)
    if isinstance(value, dict):
        return {key: _frozen(one) for key, one in value.items()}
    return value
