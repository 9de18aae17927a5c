"""What an audit finds is planned, mended, proved by the audit itself, and taken back: on a real server."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.app.applying.carrying import Manner, apply_runs, undo_run
from keepwell.app.desired.planning import plan_all
from keepwell.app.inspecting import inspect_node
from keepwell.app.operation import Caller
from keepwell.app.purposes import find_purpose
from keepwell.app.repair_report import RunReport
from keepwell.app.repairing import make_plans
from keepwell.core.errors import ConfigurationError
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.engines.real import PATIENCE, llama_server, make_model


@pytest.fixture
def everybody() -> Iterator[Path]:
    """A folder that every user may search, as those of services are."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.long
async def test_a_model_that_anybody_can_change_is_closed_proved_and_opened_again(
    tmp_path: Path, everybody: Path
) -> None:
    model = make_model(everybody / "tiny.gguf", TinyModel())
    model.chmod(0o666)
    caller = Caller(state=tmp_path / "state")
    with llama_server(tmp_path, "--model", str(model)) as engine:
        eventually(lambda: engine.ask("/health")[0] == 200, what="the server to be ready", seconds=PATIENCE)
        planned = await make_plans(caller, "audit")
        (run,) = [one for one in planned.planned if one.plan.subject.name == str(model)]
        report = await apply_runs(caller, [run.id], every=False, manner=Manner())
        assert isinstance(report, RunReport)
        assert report.outcome.state == "well", report.outcome
        assert stat.S_IMODE(model.stat().st_mode) == 0o664
        after = await inspect_node(caller, "", "audit")
        assert not [one for one in after.findings if one.subject.name == str(model)]
        assert (await undo_run(caller, run.id)).outcome.state == "undone"
        assert stat.S_IMODE(model.stat().st_mode) == 0o666


async def test_one_check_of_an_audit_can_be_named(tmp_path: Path) -> None:
    report = await make_plans(Caller(state=tmp_path / "state"), "audit.setuid")
    assert {one.plan.check for one in report.planned} <= {"audit.setuid"}


@pytest.mark.parametrize(
    ("word", "purpose"),
    [
        ("audit", "audit"),
        ("audit.secrets", "audit"),
        ("ready", "ready"),
        ("audit.nothing", ""),
        ("engine.running", ""),
        ("engine", ""),
        ("", ""),
    ],
)
def test_words_name_purposes(word: str, purpose: str) -> None:
    assert find_purpose(word) == purpose


async def test_it_is_planned_on_the_machine_itself(tmp_path: Path) -> None:
    config = tmp_path / "keepwell.toml"
    config.write_text('[[node]]\nname = "gpu01"\naddress = "192.0.2.1"\n')
    caller = Caller(config=config, state=tmp_path / "state")
    with pytest.raises(ConfigurationError, match="on the machine itself"):
        await plan_all(caller, "audit", ["gpu01"])
