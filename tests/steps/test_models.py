"""The models that an engine offers: told, fetched, left to the owner, or set aside and put back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.observation import Missing, Observation, Seen
from keepwell.core.ref import Ref
from keepwell.core.step import Rename, RunCommand
from keepwell.engines.ollama.catalogue import find_manifest, name_whole, parse_tags
from keepwell.plugins.wish import Wish
from keepwell.steps.models import STEP
from keepwell.testing.rooted import RootedNode
from keepwell.transport.base import Reply
from tests.planted import LIBRARY
from tests.steps.keeping import find_drift, look_for, make, snapshot, take_back

TAGS = "http://127.0.0.1:11434/api/tags"
DIGESTS = {"small:latest": "a" * 64, "big:8b": "b" * 64, "lab/own:v1": "c" * 64}


def make_node(tmp_path: Path, status: int = 200) -> RootedNode:
    """Ollama offers three models, of which the manifests lie in its store."""
    node = RootedNode(tmp_path)
    rows = [{"name": name, "model": name, "digest": digest} for name, digest in DIGESTS.items()]
    node.pages[TAGS] = Reply(status=status, body=json.dumps({"models": rows}).encode())
    for path in (f"{LIBRARY}/small/latest", f"{LIBRARY}/big/8b", "manifests/registry.ollama.ai/lab/own/v1"):
        place = tmp_path / "srv" / "models" / path
        place.parent.mkdir(parents=True)
        place.write_text("{}")
    return node


async def test_what_is_missing_is_told_or_fetched(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    wish: Wish = {"engine": "ollama", "models": ("small", "big:8b", "new")}
    told = await find_drift(STEP, wish, node)
    assert told.problem == "new:latest is missing: env OLLAMA_HOST=http://127.0.0.1:11434 ollama pull new:latest"
    assert told.kept == ("the owner's catalogue: lab/own:v1",)
    assert told.changes == ()
    fetched = await find_drift(STEP, {**wish, "pull": True}, node)
    assert fetched.problem == ""
    (change,) = fetched.changes
    assert change.undo is None
    assert isinstance(change.do, RunCommand)
    assert change.do.argv[-2:] == ("pull", "new:latest")
    assert (await find_drift(STEP, {**wish, "models": ("small",)}, node)).same


async def test_another_digest_is_told(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    wish: Wish = {"engine": "ollama", "digests": {"small": "a" * 12, "big:8b": "0" * 12}}
    drift = await find_drift(STEP, wish, node)
    assert drift.problem.startswith("big:8b is bbbbbbbbbbbb, not 000000000000: ")


async def test_what_is_too_much_is_set_aside_and_put_back(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    wish: Wish = {"engine": "ollama", "models": ("small",), "exact": True}
    assert "`folder` has to say" in (await find_drift(STEP, wish, node)).problem
    wish = {**wish, "folder": "/srv/models"}
    before = snapshot(tmp_path)
    drift = await find_drift(STEP, wish, node)
    assert [one.what for one in drift.changes if isinstance(one.do, Rename)] == [
        "model big:8b, which is not wished",
        "model lab/own:v1, which is not wished",
    ]
    await make(drift, node)
    assert not (tmp_path / "srv" / "models" / LIBRARY / "big" / "8b").exists()
    assert (tmp_path / "srv" / "models.set-aside" / "catalogue" / LIBRARY / "big" / "8b").exists()
    again = await find_drift(STEP, wish, node)
    assert "was not found" in again.problem  # an engine that still offers it has its store elsewhere
    await take_back(drift, node)
    assert snapshot(tmp_path) == before


async def test_what_cannot_be_told_is_not_guessed(tmp_path: Path) -> None:
    node = make_node(tmp_path, status=500)
    wish: Wish = {"engine": "ollama", "models": ("small",)}
    looked = await look_for(STEP, wish, node)
    assert isinstance(STEP.compare(wish, looked), Missing)
    assert isinstance(STEP.copy(wish, looked), Missing)
    other: Wish = {"engine": "nothing"}
    assert isinstance(STEP.compare(other, await look_for(STEP, other, node)), Missing)


async def test_one_node_is_the_model_of_another(tmp_path: Path) -> None:
    node = make_node(tmp_path)
    copied = STEP.copy({"engine": "ollama"}, await look_for(STEP, {"engine": "ollama"}, node))
    assert not isinstance(copied, Missing)
    assert copied == {"engine": "ollama", "models": tuple(sorted(DIGESTS)), "digests": DIGESTS}
    assert (await find_drift(STEP, copied, node)).same
    few: Wish = {"engine": "ollama", "models": ("small",)}
    assert STEP.copy(few, await look_for(STEP, few, node)) == {**few, "digests": {"small:latest": "a" * 64}}


def test_engines_that_offer_something_are_proposed() -> None:
    ref = Ref("engine", ("made", "ollama"))
    rows = {"engine.site": {"url": "http://127.0.0.1:11434"}, "engine.models": ({"name": "small:latest"},)}
    seen = Seen(Observation(subject=ref, name=name, value=value, at=0.0, source="test") for name, value in rows.items())
    assert STEP.propose(seen, "made") == ({"engine": "ollama", "url": "http://127.0.0.1:11434"},)
    assert STEP.propose(seen, "other") == ()


def test_digests_have_to_be_digests() -> None:
    (key,) = [one for one in STEP.keys if one.name == "digests"]
    assert key.shape({"a": f"sha256:{'A' * 64}"}) == {"a": "a" * 64}
    for wrong in ("abc", "x" * 12):
        with pytest.raises(ValueError, match="at least 12 digits"):
            key.shape({"a": wrong})


@given(st.binary(max_size=200))
def test_no_answer_is_too_strange(body: bytes) -> None:
    found = parse_tags(body)
    assert isinstance(found, Missing) or all(found)


@given(st.lists(st.from_regex(r"[a-z0-9.]{1,8}", fullmatch=True), min_size=1, max_size=3), st.sampled_from(["", ":8b"]))
def test_every_name_has_one_manifest(parts: list[str], tag: str) -> None:
    name = "/".join(parts) + tag
    path = find_manifest(name, "/m")
    assert path == find_manifest(name_whole(name), "/m")
    assert path.count("/") == 6
    assert path.endswith("/".join((*parts, tag[1:] or "latest")))
