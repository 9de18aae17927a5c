"""What an audit found open is closed to others, whatever was open about it, and opened again by undo."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import node
from keepwell.core.step import SetMode
from keepwell.steps.closed_files import STEP
from tests.conform.kit import NODE
from tests.steps.kit import finding, plan_of, round_trip


def served(path: Path, kind: str = "environment", secrets: tuple[str, ...] = ()) -> Seen:
    row: dict[str, Value] = {"path": str(path), "kind": kind, "secrets": secrets}
    return Seen([Observation(subject=node(NODE), name="host.served_files", value=(row,), at=1.0, source="test")])


@pytest.mark.parametrize(
    ("check", "mode", "secrets", "wished"),
    [
        ("audit.writable", 0o666, (), 0o664),
        ("audit.writable", 0o666, ("API_KEY",), 0o660),
        ("audit.secrets", 0o646, ("API_KEY",), 0o640),
        ("audit.secrets", 0o644, (), 0o640),
        ("audit.setuid", 0o6757, (), 0o755),
        ("audit.setuid", 0o4755, ("TOKEN",), 0o750),
    ],
)
async def test_a_file_is_closed_and_opened_again(
    tmp_path: Path, check: str, mode: int, secrets: tuple[str, ...], wished: int
) -> None:
    world = tmp_path / "world"
    world.mkdir()
    file = world / "some.env"
    file.write_text("x")
    file.chmod(mode)
    planned = await plan_of("closed_files", finding(check, path=str(file)), served(file, secrets=secrets))
    assert planned is not None
    (change,) = planned.changes
    assert change.do == SetMode(path=str(file), mode=wished)
    assert bool(planned.note) == (check == "audit.secrets" or bool(secrets))
    await round_trip(planned, world, tmp_path / "state")
    file.chmod(wished)
    again = await plan_of("closed_files", finding(check, path=str(file)), served(file, secrets=secrets))
    assert again is not None
    assert again.changes == ()


async def test_folders_keep_their_stickiness_and_their_group(tmp_path: Path) -> None:
    for name, mode, wished in (("open", 0o2777, 0o2775), ("sticky", 0o1777, 0o1777)):
        folder = tmp_path / name
        folder.mkdir()
        folder.chmod(mode)
        planned = await plan_of("closed_files", finding("audit.writable", path=str(folder)), Seen())
        assert planned is not None
        assert [one.after for one in planned.changes] == [f"{wished:04o}"] * (mode != wished)


async def test_what_a_link_leads_to_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "real"
    file.write_text("x")
    file.chmod(0o666)
    (tmp_path / "link").symlink_to("real")
    planned = await plan_of("closed_files", finding("audit.writable", path=str(tmp_path / "link")), Seen())
    assert planned is not None
    assert [one.do for one in planned.changes] == [SetMode(path=str(file), mode=0o664)]


@pytest.mark.parametrize("path", ["/", "/usr/bin", "/tmp", "", "relative", "/there/is/nothing"])
async def test_it_leaves_the_system_and_what_is_not_there(path: str) -> None:
    assert await plan_of("closed_files", finding("audit.writable", path=path), Seen()) is None


def test_it_mends_what_the_audit_asks() -> None:
    assert set(STEP.mends) == {"audit.writable", "audit.setuid", "audit.secrets"}
