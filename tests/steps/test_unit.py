"""Units as they are wished: drop-ins, links and what runs; taken back exactly; the links are systemd's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from keepwell.config.environment_shapes import sections
from keepwell.conform.desired.look import look
from keepwell.core.observation import Missing, Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.step import RunCommand
from keepwell.plugins.unit_state import RESTART_SECONDS
from keepwell.plugins.wish import Wish
from keepwell.steps.unit import STEP
from keepwell.testing.fake_systemd import done, start_unit, systemctl
from keepwell.testing.rooted import RootedNode
from tests.engines.real import skip
from tests.steps.keeping import find_drift, make, prove, take_back

NAME = "server.service"
UNIT = """\
[Unit]
Description=A server

[Service]
ExecStart=/bin/true

[Install]
WantedBy=multi-user.target default.target
Alias=serve.service
"""
OWN = "etc/systemd/system"
DROP_IN = f"{OWN}/{NAME}.d/50-keepwell.conf"


def make_node(root: Path, unit: str = UNIT) -> RootedNode:
    for folder in (OWN, "usr/lib/systemd/system", "run"):
        (root / folder).mkdir(parents=True)
    (root / "usr/lib/systemd/system" / NAME).write_text(unit)
    start_unit(root, "other.service")
    return RootedNode(root, programs={"systemctl": systemctl})


def wish_of(**more: object) -> Wish:
    if "drop_in" in more:
        more["drop_in"] = sections(more["drop_in"])
    return {"name": NAME, **more}


async def test_a_drop_in_is_written_and_what_runs_restarted(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    start_unit(tmp_path, NAME)
    (tmp_path / "run/fake-systemd/done").touch()
    wish = wish_of(
        drop_in={
            "Service": {
                "LimitNOFILE": 65536,
                "ProtectSystem": "strict",
                "NoNewPrivileges": True,
                "ExecStart": ["", "/bin/false --x"],
                "Environment": {"A": 'say "x" \\ 50%', "API_TOKEN": "very secret"},
            }
        }
    )
    drift = await find_drift(STEP, wish, node)
    await make(drift, node)
    assert (tmp_path / DROP_IN).read_text().splitlines()[1:] == [
        "[Service]",
        "LimitNOFILE=65536",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "ExecStart=",
        "ExecStart=/bin/false --x",
        r'Environment="A=say \"x\" \\ 50%%"',
        'Environment="API_TOKEN=very secret"',
    ]
    assert node.ran[-2:] == [("systemctl", "daemon-reload"), ("systemctl", "try-restart", NAME)]
    assert done(tmp_path) == [f"restart {NAME}"]
    assert "very secret" not in str((drift.before, drift.after, [(one.before, one.after) for one in drift.changes]))
    assert drift.changes[-1].interrupts.startswith(f"{NAME} restarts")
    await take_back(drift, node)
    assert not (tmp_path / f"{OWN}/{NAME}.d").exists()
    assert (await find_drift(STEP, wish, node)).before.endswith("(no drop-in)")


async def test_what_does_not_run_is_not_started_by_a_drop_in(tmp_path: Path) -> None:
    drift = await prove(STEP, wish_of(drop_in={"Service": {"User": "ada"}}), make_node(tmp_path))
    assert len(drift.activate) == 1


@pytest.mark.parametrize(
    "wish",
    [{"enabled": True}, {"masked": True}, {"enabled": True, "drop_in": {"Service": {"PrivateTmp": True}}}],
    ids=str,
)
async def test_links_are_put_and_taken_back_exactly(tmp_path: Path, wish: dict[str, object]) -> None:
    await prove(STEP, wish_of(**wish), make_node(tmp_path))


@pytest.mark.parametrize("wish", [{"enabled": False}, {"masked": False}], ids=str)
async def test_links_are_taken_away_and_put_back_exactly(tmp_path: Path, wish: dict[str, object]) -> None:
    node = make_node(tmp_path)
    for verb in ("enable", "mask")[: 1 + ("masked" in wish)]:
        systemctl(("systemctl", verb, NAME), tmp_path)
    await prove(STEP, wish_of(**wish), node)
    left = systemctl(("systemctl", "is-enabled", NAME), tmp_path).text.strip()
    assert left == {"enabled": "disabled", "masked": "enabled"}[next(iter(wish))]


async def test_the_links_are_those_that_systemd_makes(tmp_path: Path) -> None:
    if shutil.which("systemctl") is None:
        skip("no systemctl here to compare with")
    ours, fake, real = (tmp_path / one for one in ("ours", "fake", "real"))
    node, _, _ = make_node(ours), make_node(fake), make_node(real)
    for verb, wish in (("enable", {"enabled": True}), ("mask", {"masked": True}), ("unmask", {"masked": False})):
        await make(await find_drift(STEP, wish_of(**wish), node), node)
        systemctl(("systemctl", verb, NAME), fake)
        subprocess.run(["systemctl", f"--root={real}", verb, NAME], check=True, capture_output=True, timeout=20)
        assert links(ours) == links(fake) == links(real), verb
        said = subprocess.run(["systemctl", f"--root={real}", "is-enabled", NAME], capture_output=True, timeout=20)
        assert systemctl(("systemctl", "is-enabled", NAME), ours).stdout == said.stdout
    await make(await find_drift(STEP, wish_of(enabled=False), node), node)
    subprocess.run(["systemctl", f"--root={real}", "disable", NAME], check=True, capture_output=True, timeout=20)
    assert links(ours) == links(real) == {}


def links(root: Path) -> dict[str, str]:
    return {str(one.relative_to(root)): os.readlink(one) for one in root.rglob("*") if one.is_symlink()}


async def test_systemd_finds_no_fault_in_a_drop_in(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        skip("no systemd-analyze here to read units with")
    node = make_node(tmp_path)
    tree = {"Service": {"ProtectSystem": "full", "Environment": {"A": "two words"}, "LimitNOFILE": 65536}}
    await make(await find_drift(STEP, wish_of(drop_in=tree), node), node)
    assert verify(tmp_path) == ""
    (tmp_path / DROP_IN).write_text("[Service]\nProtectSistem=full\n")
    assert "ProtectSistem" in verify(tmp_path)


def verify(root: Path) -> str:
    """What systemd-analyze says of the unit with its drop-ins."""
    folder = root / "units"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(root / "usr/lib/systemd/system" / NAME, folder)
    shutil.copytree(root / OWN / f"{NAME}.d", folder / f"{NAME}.d")
    argv = ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", str(folder / NAME)]
    environment = {"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin", "SYSTEMD_LOG_LEVEL": "warning"}
    said = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30).stderr
    return "\n".join(line for line in said.splitlines() if NAME in line)


async def test_a_unit_is_started_after_its_files_are_read_and_stopped_again(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    wish = wish_of(running=True, drop_in={"Service": {"User": "ada"}})
    drift = await find_drift(STEP, wish, node)
    await make(drift, node)
    verbs = [argv[1] for argv in node.ran if argv[1] != "show"]
    assert verbs == ["daemon-reload", "start", "daemon-reload"]
    assert (await find_drift(STEP, wish, node)).same
    await take_back(drift, node)
    assert done(tmp_path) == [f"start {NAME}", f"stop {NAME}"]
    start_unit(tmp_path, NAME)
    stopping = await find_drift(STEP, wish_of(running=False), node)
    assert stopping.changes[0].interrupts
    assert (stopping.changes[0].before, stopping.changes[0].after) == ("yes", "no")


async def test_only_systemd_can_tell_the_links_of_a_template(tmp_path: Path) -> None:
    node = make_node(tmp_path, UNIT.replace("Alias=serve.service", "Also=other.socket"))
    drift = await find_drift(STEP, wish_of(enabled=True), node)
    assert [one.do for one in drift.changes] == [
        RunCommand(argv=("systemctl", "enable", NAME), timeout_seconds=RESTART_SECONDS)
    ]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"masked": True, "running": True}, "can neither run"),
        ({"enabled": True, "name": "none.service"}, "there is no unit none.service"),
        ({"drop_in": {"Service": {"User": "ada"}}}, "override.conf, which systemd reads after 50-keepwell.conf"),
        ({"drop_in": {"Service": {"Environment": {"A": "1"}}}}, "Service.Environment A"),
    ],
)
async def test_what_cannot_be_done_is_said(tmp_path: Path, wish: dict[str, object], said: str) -> None:
    node = make_node(tmp_path)
    (tmp_path / OWN / f"{NAME}.d").mkdir()
    (tmp_path / OWN / f"{NAME}.d/override.conf").write_text('[Service]\nUser=bob\nEnvironment="A=2" B=3\n')
    drift = await find_drift(STEP, {**wish_of(**wish)}, node)
    assert said in drift.problem
    assert not drift.changes


async def test_a_unit_without_install_is_not_enabled(tmp_path: Path) -> None:
    node = make_node(tmp_path, "[Service]\nExecStart=/bin/true\n")
    assert "[Install]" in (await find_drift(STEP, wish_of(enabled=True), node)).problem


async def test_without_systemd_nothing_is_told(tmp_path: Path) -> None:
    looked = await look([partial(STEP.needs, wish_of(running=True))], RootedNode(tmp_path))
    assert isinstance(STEP.compare(wish_of(running=True), looked), Missing)


async def test_one_node_becomes_the_model_of_another(tmp_path: Path) -> None:
    model, other = make_node(tmp_path / "model"), make_node(tmp_path / "other")
    full = wish_of(enabled=True, running=True, drop_in={"Service": {"Environment": {"A": "x y"}, "User": "ada"}})
    await make(await find_drift(STEP, full, model), model)
    copied = STEP.copy(wish_of(running=False), await look([partial(STEP.needs, wish_of())], model))
    assert not isinstance(copied, Missing)
    assert (copied["enabled"], copied["running"]) == (True, False)
    await prove(STEP, copied, other)
    assert (tmp_path / "other" / DROP_IN).read_bytes() == (tmp_path / "model" / DROP_IN).read_bytes()


def test_units_that_run_engines_are_proposed() -> None:
    row: Value = {"manager": "systemd", "unit": NAME, "scope": "system", "engine": "some"}
    none: Value = {"manager": "systemd", "unit": "x.service", "scope": "system", "engine": ""}
    seen = Seen([Observation(subject=Ref("node", ("n",)), name="host.units", value=(row, none), at=0.0, source="made")])
    assert STEP.propose(seen, "n") == ({"name": NAME},)
