"""An owner's way through an incident on a real engine: broken, opened, fixed, closed, confirmed, learned from."""

from __future__ import annotations

import os

import pytest

from keepwell.testing.real_engines import Ollama
from keepwell.testing.waiting import eventually
from keepwell.testing.world import World
from tests.faults.judging import bad_checks

# a dozen commands, each with a whole look
pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(600)]


def test_from_the_fault_to_what_was_learned(nobodys_ollama: Ollama, world: World) -> None:
    os.chown(nobodys_ollama.models, 0, 0)
    nobodys_ollama.models.chmod(0o700)
    opened = world.keepwell("incident", "open", "models do not load")["incident"]
    name = opened["id"]
    assert "store.readable" in {one["check"] for one in opened["symptoms"]}
    assert opened["suspects"][0]["issue"] == "data-dir-not-writable"
    still = world.keepwell("incident", "close", name, "--cause", "data-dir-not-writable", "--fixed-by", "nothing yet")
    assert still["incident"]["closing"]["label"] == "said"
    assert not still["incident"]["closing"]["relooks"][0]["well"]

    second = world.keepwell("incident", "open", "models do not load")["incident"]["id"]
    os.chown(nobodys_ollama.models, 65534, 65534)
    nobodys_ollama.models.chmod(0o755)
    closed = world.keepwell(
        *("incident", "close", second, "--cause", "data-dir-not-writable"),
        *("--fixed-by", "chown of the models folder", "--soak", "1s"),
    )
    assert closed["incident"]["closing"]["label"] == "well", closed["incident"]["closing"]
    eventually(lambda: recheck(world, second) == "confirmed", 60)

    learned = world.keepwell("learned")
    strengths = {one["id"]: one["strength"] for one in learned["lessons"]}
    assert strengths == {second: "confirmed"}, "a word against what the check says teaches nothing"
    moves = {one["issue"]: one for one in learned["moves"]}
    assert moves["data-dir-not-writable"]["after"] > moves["data-dir-not-writable"]["before"]

    os.chown(nobodys_ollama.models, 0, 0)
    nobodys_ollama.models.chmod(0o700)
    again = world.keepwell("diagnose")
    assert "store.readable" in bad_checks(again)
    assert again["similar"][0]["cause"] == "data-dir-not-writable"
    assert again["similar"][0]["fixed_by"]
    back = world.keepwell("incident", "close", second, "--recheck")
    assert back["incident"]["closing"]["label"] == "came-back"
    assert world.keepwell("learned")["lessons"] == []


def recheck(world: World, name: str) -> str:
    """The label after one more look."""
    label: str = world.keepwell("incident", "close", name, "--recheck")["incident"]["closing"]["label"]
    return label
