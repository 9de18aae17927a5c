"""A unit that an audit found open gets a drop-in with what it lacks; systemd takes it; it is taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.checks.audit.confinement import judge_confinement
from keepwell.conform.execute import Bench, apply
from keepwell.conform.ledger import Ledger
from keepwell.conform.undo import undo
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Observation, Seen, Value, absent
from keepwell.core.ref import Ref
from keepwell.core.step import Plan, Put, RunCommand
from keepwell.formats.startfile import parse_unit_file
from keepwell.steps.unit_confinement import DROP_IN, STEP
from keepwell.testing.rooted import RootedNode
from keepwell.testing.unit_runner import UnitRunner
from tests.conform.kit import NODE, Answers, DoomedJournal, HastyClock, snapshot

ENGINE = Ref("engine", (NODE, "some"))
PATH = DROP_IN.format(unit="some.service")
FOLDER = PATH.rpartition("/")[0]
PASSWD = b"root:x:0:0::/root:/bin/sh\nsome:x:990:990::/usr/share/some:/bin/false\n"


def saw(subject: Ref, name: str, value: Value) -> Observation:
    return Observation(subject=subject, name=name, value=value, at=1.0, source="made")


def find(**unit: Value) -> Finding:
    """What the audit says of a unit with these settings."""
    seen = Seen(
        [
            saw(ENGINE, "engine.confinement", {"unit": {"NoNewPrivileges": "no", "ProtectSystem": "full", **unit}}),
            saw(ENGINE, "engine.supervisor", {"kind": "systemd", "unit": "some.service", "scope": "system"}),
        ]
    )
    (found,) = judge_confinement(seen)
    return found


def plan(found: Finding, store: str = "/srv/models", there: bytes | None = None, uid: int = 990) -> Plan | None:
    observations = [
        saw(ENGINE, "engine.store", {"path": store}),
        saw(ENGINE, "engine.process", {"uid": uid}),
        saw(Ref("path", (NODE, "/etc/passwd")), "path.bytes", PASSWD.decode()),
    ]
    for path in (FOLDER, PATH):
        missing = Observation(
            subject=Ref("path", (NODE, path)), name="path.stat", value=absent("nothing"), at=1.0, source=path
        )
        observations.append(missing)
    if there is not None:
        observations.append(saw(Ref("path", (NODE, PATH)), "path.bytes", there.decode()))
    return STEP.plan(found, Seen(observations))


def test_what_the_audit_found_open_is_set_and_what_the_service_writes_stays_writable() -> None:
    made = plan(find())
    assert made is not None
    folder, change = made.changes
    assert isinstance(folder.do, Put)
    assert isinstance(change.do, Put)
    assert change.do.after.content is not None
    told = {(one.key, one.value) for one in parse_unit_file(change.do.after.content.decode())}
    assert ("NoNewPrivileges", "yes") in told
    assert ("ReadWritePaths", "-/usr/share/some") in told
    assert not {one for one in told if one[0] == "ProtectSystem" or "/srv" in one[1]}
    assert made.engine == ENGINE
    assert [one.argv[1] for one in made.activate if isinstance(one, RunCommand)] == ["daemon-reload", "try-restart"]
    assert plan(find(), there=change.do.after.content) == Plan(
        **{name: getattr(made, name) for name in Plan.__slots__ if name != "changes"}, changes=()
    )


@pytest.mark.parametrize(
    ("store", "line"),
    [
        ("/home/ada/my models", 'ReadWritePaths="-/home/ada/my models"'),
        ("/usr/50%", 'ReadWritePaths="-/usr/50%%"'),
        ("/var/lib/x", None),
    ],
)
def test_models_below_a_covered_folder_stay_writable(store: str, line: str | None) -> None:
    made = plan(find(), store)
    assert made is not None
    written = made.changes[-1].after.split(", ")
    assert (line in written) if line else not any(store in one for one in written)


def test_nothing_is_planned_where_it_is_not_known_what_the_service_writes() -> None:
    assert plan(find(), "", uid=7) is None


def test_a_users_own_unit_is_left_to_its_user() -> None:
    found = find()
    own = Finding(
        check=found.check,
        subject=found.subject,
        status=found.status,
        message=found.message,
        facts={**found.facts, "scope": "user"},
    )
    assert STEP.wants(own, Seen()).files == ()
    assert plan(own) is None


async def test_it_is_carried_out_on_a_unit_that_runs_and_taken_back(tmp_path: Path) -> None:
    runner, root = UnitRunner(), tmp_path / "node"
    node = RootedNode(root, name=NODE, programs={"systemctl": runner})
    units = root / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    (units / "some.service").write_text("[Service]\nExecStart=sleep 60\n")
    runner(("systemctl", "start", "some.service"), root)
    before, first = snapshot(root), runner.processes["some.service"].pid
    made = plan(find())
    assert made is not None
    journal = DoomedJournal(tmp_path / "state", made)
    try:
        bench = Bench(hands=node, clock=HastyClock(100.0), ledger=Ledger(journal.run, journal))
        assert (await apply(made, bench, Answers([Status.OK]))).state == "well"
        second = runner.processes["some.service"].pid
        drop_in = (root / PATH.lstrip("/")).read_text()
        assert parse_unit_file(drop_in)
        assert (second != first, runner.runs("some.service")) == (True, True)
        assert (await undo(made, bench)).state == "undone"
        assert snapshot(root) == before
        assert runner.processes["some.service"].pid != second
    finally:
        journal.close()
        runner.close()
