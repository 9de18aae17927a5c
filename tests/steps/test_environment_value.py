"""One environment value: which file, which bytes, which restart; applied and undone on real files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.finding import Finding
from keepwell.core.observation import Missing, Observation, Seen, absent
from keepwell.core.ref import Ref
from keepwell.core.step import RemoveFile, RunCommand, StartProcess, WriteFile
from keepwell.steps.environment_value import STEP
from tests.conform.kit import NODE
from tests.steps.kit import ENGINE, finding, plan_of, round_trip, seeing

BAD = {"name": "SOME_HOST", "value": "127.0.0.1;80", "wished": "127.0.0.1:80"}


def holding(path: str, content: bytes | None) -> Seen:
    """What the machine saw of one file."""
    value: str | Missing = absent("no such file")
    if content is not None:
        value = content.decode("latin-1")
    subject = Ref("path", (NODE, path))
    folder = Ref("path", (NODE, path.rpartition("/")[0] or "/"))
    rows = [Observation(subject=subject, name="path.bytes", value=value, at=1.0, source=path)]
    rows.append(Observation(subject=folder, name="path.stat", value=absent("none"), at=1.0, source=path))
    return Seen(rows)


async def test_a_start_file_is_mended_and_the_process_started_again(tmp_path: Path) -> None:
    file = tmp_path / "some.env"
    file.write_bytes(b"# mine\r\nSOME_HOST='127.0.0.1;80'  \r\nKEY=\xff\r\n")
    file.chmod(0o600)
    seen = seeing(
        engine_supervisor={"kind": "process", "start": ("env", "SOME_HOST=127.0.0.1;80", "/bin/some", "serve")},
        engine_process={"pid": 4711, "started_at": 17.5, "uid": 990, "gid": 991, "cwd": "/srv"},
        engine_log={"kind": "file", "where": "/var/log/some.log"},
    )
    found = finding("settings.valid", **BAD, file=str(file), supervisor="process")
    plan = await plan_of("environment_value", found, seen)
    assert plan is not None
    assert [(one.what, one.before, one.after) for one in plan.changes] == [
        ("SOME_HOST", "127.0.0.1;80", "127.0.0.1:80")
    ]
    do = plan.changes[0].do
    assert isinstance(do, WriteFile)
    assert do.content == b"# mine\r\nSOME_HOST='127.0.0.1:80'  \r\nKEY=\xff\r\n"
    assert plan.activate == (
        StartProcess(
            argv=("/bin/some", "serve"),
            environment_files=(str(file),),
            output="/var/log/some.log",
            cwd="/srv",
            uid=990,
            gid=991,
            replaces_pid=4711,
            replaces_started_at=17.5,
        ),
    )
    without_restart = await plan_of("environment_value", finding("settings.valid", **BAD, file=str(file)), seeing())
    assert without_restart is not None
    await round_trip(without_restart, tmp_path, tmp_path.with_name(f"{tmp_path.name}.journal"))


def test_a_drop_in_is_edited_where_the_value_stands() -> None:
    path = "/etc/systemd/system/some.service.d/override.conf"
    found = finding("settings.valid", **BAD, file=path, unit="some.service", supervisor="systemd")
    plan = STEP.plan(found, holding(path, b'[Service]\nEnvironment="A=1" "SOME_HOST=127.0.0.1;80"\n'))
    assert plan is not None
    do = plan.changes[0].do
    assert isinstance(do, WriteFile)
    assert do.content == b'[Service]\nEnvironment="A=1" "SOME_HOST=127.0.0.1:80"\n'
    assert [one.argv for one in plan.activate if isinstance(one, RunCommand)] == [
        ("systemctl", "daemon-reload"),
        ("systemctl", "restart", "some.service"),
    ]


@pytest.mark.parametrize("file", ["", "/usr/lib/systemd/system/some.service", "/lib/systemd/system/some.service"])
def test_a_unit_without_a_drop_in_gets_one_and_a_packaged_unit_is_never_edited(file: str) -> None:
    drop_in = "/etc/systemd/system/some.service.d/zz-keepwell.conf"
    found = finding("settings.valid", **BAD, file=file, unit="some.service", supervisor="systemd")
    assert STEP.wants(found, Seen()).files == (drop_in,)
    plan = STEP.plan(found, holding(drop_in, None))
    assert plan is not None
    assert [type(one.do) for one in plan.changes] == [RunCommand, WriteFile]
    do, undo = plan.changes[1].do, plan.changes[1].undo
    assert isinstance(do, WriteFile)
    assert (do.path, do.content, do.expect_sha256) == (
        drop_in,
        b'[Service]\nEnvironment="SOME_HOST=127.0.0.1:80"\n',
        "",
    )
    assert isinstance(undo, RemoveFile)


def test_an_environment_file_of_a_unit_needs_no_reload() -> None:
    found = finding("settings.valid", **BAD, file="/etc/default/some", unit="some.service", supervisor="systemd")
    plan = STEP.plan(found, holding("/etc/default/some", b"SOME_HOST=127.0.0.1;80\n"))
    assert plan is not None
    assert [one.argv[1] for one in plan.activate if isinstance(one, RunCommand)] == ["restart"]


def test_a_name_that_is_never_read_becomes_the_one_it_resembles() -> None:
    found = finding("settings.read", name="SOME_HOTS", value="x", nearest="SOME_HOST", file="/etc/default/some")
    plan = STEP.plan(found, holding("/etc/default/some", b"A=1\nexport SOME_HOTS='x' # y\n"))
    assert plan is not None
    do = plan.changes[0].do
    assert isinstance(do, WriteFile)
    assert do.content == b"A=1\nexport SOME_HOST='x' # y\n"


def test_a_value_that_is_right_and_not_in_force_needs_only_a_restart() -> None:
    path = "/etc/systemd/system/some.service.d/o.conf"
    facts = {
        "name": "A",
        "wished": "2",
        "effective": "1",
        "file": path,
        "unit": "some.service",
        "supervisor": "systemd",
    }
    plan = STEP.plan(finding("settings.applied", **facts), holding(path, b"[Service]\nEnvironment=A=2\n"))
    assert plan is not None
    assert [(type(one.do), bool(one.irreversible)) for one in plan.changes] == [(RunCommand, True)]
    assert len(plan.activate) == 2


def test_a_secret_is_not_shown_in_the_plan() -> None:
    found = finding("settings.valid", name="SOME_API_KEY", value="old-secret", wished="new-secret", file="/e")
    plan = STEP.plan(found, holding("/e", b"SOME_API_KEY=old-secret\n"))
    assert plan is not None
    assert "secret" not in plan.changes[0].before + plan.changes[0].after


@pytest.mark.parametrize(
    "found",
    [
        finding("settings.valid", name="A", wished="1"),
        finding("settings.valid", name="A", file="/e"),
        finding("settings.valid", name="A", wished="1\n2", file="/e"),
        finding("settings.valid", name="A B", wished="1", file="/e"),
        finding("settings.read", name="A", value="1", file="/e"),
        finding("settings.read", name="SOME_NUM_GPU", value="1", nearest="SOME_INTEL_GPU", file="/e"),
        finding("settings.valid", name="A", wished="1", file="/elsewhere"),
        finding("settings.valid", name="A", wished="1", unit="../../x.service", supervisor="systemd"),
    ],
)
def test_what_cannot_be_planned_has_no_changes(found: Finding) -> None:
    plan = STEP.plan(found, holding("/e", b"A=0\nSOME_NUM_GPU=1\n"))
    assert plan is None or plan.changes == ()


LINES = st.lists(
    st.sampled_from([b"A=1", b"# c", b'B="x y"', b"export C=3", b'D="open', b"", b"SOME_HOST=old"]), max_size=6
)


@settings(max_examples=60)
@given(LINES, st.text(st.sampled_from("abc:/. '\"#é%"), min_size=1, max_size=8))
def test_planned_again_after_it_is_done_nothing_is_left_and_undo_restores_the_bytes(
    lines: list[bytes], wished: str
) -> None:
    content = b"\n".join(lines) + b"\n"
    found = finding("settings.valid", name="SOME_HOST", wished=wished, file="/e")
    plan = STEP.plan(found, holding("/e", content))
    assert plan is not None
    for change in plan.changes:
        assert isinstance(change.do, WriteFile)
        assert isinstance(change.undo, WriteFile)
        assert change.undo.content == content
        content = change.do.content
    again = STEP.plan(found, holding("/e", content))
    assert again is not None
    assert again.changes == ()


def test_the_engine_is_the_subject() -> None:
    plan = STEP.plan(finding("settings.valid", **BAD, file="/e"), holding("/e", b""))
    assert plan is not None
    assert plan.subject == ENGINE


async def test_a_start_command_with_a_masked_secret_is_never_used(tmp_path: Path) -> None:
    file = tmp_path / "some.env"
    file.write_bytes(b"SOME_HOST=127.0.0.1;80\n")
    seen = seeing(engine_supervisor={"kind": "process", "start": ("env", "SOME_API_KEY=***", "/bin/some", "serve")})
    found = finding("settings.valid", **BAD, file=str(file), supervisor="process")
    plan = await plan_of("environment_value", found, seen)
    assert plan is not None
    assert plan.changes
    assert plan.activate == ()
    assert "yourself" in plan.note
