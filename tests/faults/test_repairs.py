"""The two repairs from end to end, by command: found, planned, applied, asked again, undone byte for byte."""

from __future__ import annotations

import os
from typing import Any

import pytest

from keepwell.testing.real_engines import Ollama, start_by_script
from keepwell.testing.waiting import eventually
from keepwell.testing.world import World
from tests.conform.kit import snapshot
from tests.faults.judging import bad_checks, causes

pytestmark = pytest.mark.real


def test_access_to_the_models_folder(nobodys_ollama: Ollama, world: World) -> None:
    os.chown(nobodys_ollama.models, 0, 0)
    nobodys_ollama.models.chmod(0o700)
    (nobodys_ollama.models / "blobs").chmod(0o500)
    spoiled = snapshot(nobodys_ollama.models.parent)
    assert nobodys_ollama.chat().status != 200
    planned = plan_for(world, "data-dir-not-writable")
    assert {one["what"] for one in planned["plan"]["changes"]} == {"owner", "mode"}
    applied = world.keepwell("apply", planned["id"])
    assert applied["outcome"]["state"] == "well", applied["outcome"]
    assert nobodys_ollama.chat().status == 200
    assert "store.readable" not in bad_checks(world.keepwell("diagnose"))
    undone = world.keepwell("undo", planned["id"])
    assert undone["outcome"]["state"] == "undone", undone["outcome"]
    left = snapshot(nobodys_ollama.models.parent)
    assert {path: row for path, row in left.items() if "log" not in path} == {
        path: row for path, row in spoiled.items() if "log" not in path
    }
    assert "store.readable" in bad_checks(world.keepwell("diagnose"))


def test_one_environment_value(world: World) -> None:
    file = start_by_script(world, "'127.0.0.1;11434'   # moved here in May")
    file.write_bytes(file.read_bytes().replace(b"# how", b"# \xff how"))
    spoiled = snapshot(world.root)[file.name]
    planned = plan_for(world, "service-config-invalid")
    (change,) = planned["plan"]["changes"]
    assert (change["what"], change["before"], change["after"]) == ("OLLAMA_HOST", "127.0.0.1;11434", "127.0.0.1:11434")
    applied = world.keepwell("apply", planned["id"], "--config", "keepwell.toml")
    assert applied["outcome"]["state"] == "well", applied["outcome"]
    eventually(lambda: world.http("http://127.0.0.1:11434/api/version").status == 200, 20)
    assert b"OLLAMA_HOST='127.0.0.1:11434'   # moved here in May\n" in file.read_bytes()
    assert file.read_bytes().startswith(b"# \xff how")
    undone = world.keepwell("undo", planned["id"], "--config", "keepwell.toml")
    assert undone["outcome"]["state"] == "undone", undone["outcome"]
    assert snapshot(world.root)[file.name] == spoiled
    eventually(lambda: world.http("http://127.0.0.1:11434/api/version").status == 0, 20)
    assert causes(world.keepwell("diagnose", "--config", "keepwell.toml"))[0][0] == "service-config-invalid"


def plan_for(world: World, issue: str) -> dict[str, Any]:
    """The one plan that keepwell makes for this cause."""
    config = [word for word in ("--config", "keepwell.toml") if (world.root / "keepwell.toml").exists()]
    answer = world.keepwell("plan", issue, *config)
    told = [(one["issue"], one["finding"]["message"]) for one in answer["planned"]]
    assert len(told) == 1, told
    (planned,) = answer["planned"]
    assert planned["issue"] == issue
    return dict(planned)
