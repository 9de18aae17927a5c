"""Smoke tests of fake engines that speak each engine's wire: yes where all is well, no for each planted fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.app.operation import Caller
from keepwell.app.smoke.running import Wanted, smoke
from keepwell.app.smoke.targets import split_word
from keepwell.config.desired_model import DesiredEntry, WishEntry
from keepwell.config.gateway_model import RouteEntry
from keepwell.config.model import Config, EngineEntry, NodeEntry
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Status
from keepwell.testing.engine import FakeEngine, FakeModel, Fault
from tests.app.smoke.asked import find, make_test

DEEP = Wanted(comprehensive=True)
OK, UNKNOWN, WARNING, CRITICAL = Status.OK, Status.UNKNOWN, Status.WARNING, Status.CRITICAL


@pytest.mark.parametrize(("flavour", "context"), [("ollama", "cut"), ("llamacpp", "refused"), ("vllm", "refused")])
async def test_of_a_well_engine_every_question_has_its_answer(flavour: str, context: str, tmp_path: Path) -> None:
    async with FakeEngine(flavour, models=(FakeModel(context_tokens=512),)) as engine:
        found = await find(make_test(flavour, engine.url, tmp_path, DEEP))
    well = ("service", "api", "answers", "model", "streams", "context", "concurrency")
    assert {name: found[name].status for name in well} == dict.fromkeys(well, OK)
    assert found["context"].facts["kind"] == context
    assert found["catalogue"].status is UNKNOWN
    assert str(found["answers"].subject) == f"model:node/{flavour}/tiny-alpha" + ":latest" * (flavour == "ollama")
    assert float(found["answers"].facts["seconds"]) >= 0
    assert not [one for one in found.values() if one.bad]


@pytest.mark.parametrize(
    ("fault", "path", "question", "status"),
    [
        (Fault.BROKEN, "/api/tags", "service", CRITICAL),
        (Fault.DEAD, "/api/chat", "answers", CRITICAL),
        (Fault.WRONG_MODEL, "", "model", WARNING),
        (Fault.DROP, "/api/chat", "answers", CRITICAL),
        (Fault.MALFORMED, "/api/chat", "answers", CRITICAL),
        (Fault.MALFORMED, "/v1/embeddings", "embeds", WARNING),
        (Fault.CUT, "/api/chat", "streams", CRITICAL),
    ],
)
async def test_each_fault_is_a_no_to_its_question(
    fault: Fault, path: str, question: str, status: Status, tmp_path: Path
) -> None:
    async with FakeEngine("ollama") as engine:
        await engine.set_fault(fault, path)
        found = await find(make_test("ollama", engine.url, tmp_path, DEEP))
    assert found[question].status is status, found[question].message


async def test_of_a_server_that_is_not_there_only_that_is_said(tmp_path: Path) -> None:
    async with FakeEngine("ollama") as engine:
        url = engine.url
    found = await find(make_test("ollama", url, tmp_path, DEEP))
    assert {name: one.status for name, one in found.items()} == {"service": CRITICAL}


async def test_only_what_is_in_memory_is_asked_and_all_where_that_is_wished(tmp_path: Path) -> None:
    models = (FakeModel(name="one:latest"), FakeModel(name="two:latest", loaded=False), FakeModel(name="three:latest"))
    async with FakeEngine("ollama", models=models) as engine:
        for wanted, names in ((Wanted(), {"one", "three"}), (Wanted(every=True), {"one", "two", "three"})):
            test = make_test("ollama", engine.url, tmp_path, wanted)
            seen = await test.ask(test.asked.sites[0])
            await test.wiring.hands.close()
            rows = [row for row in seen.value if row["question"] == "answers"]  # type: ignore[union-attr,index,call-overload]
            assert {str(row["model"]).removesuffix(":latest") for row in rows} == names  # type: ignore[index,call-overload]


async def test_nothing_is_loaded_where_that_is_not_wanted(tmp_path: Path) -> None:
    async with FakeEngine("ollama", models=(FakeModel(loaded=False),)) as engine:
        found = await find(make_test("ollama", engine.url, tmp_path, Wanted(loaded_only=True)))
        assert not [one for one in engine.requests if one.path in ("/api/chat", "/api/generate")]
    assert found["answers"].status is UNKNOWN
    assert "in memory" in found["answers"].message


@pytest.mark.parametrize(
    ("models", "status", "kind"),
    [
        ({"models": ("tiny-alpha",)}, OK, ""),
        ({"models": ("tiny-alpha", "other:7b")}, CRITICAL, "missing"),
        ({"models": ("tiny-alpha",), "digests": {"tiny-alpha": "0" * 12}}, WARNING, "other-digest"),
        ({"models": (), "digests": {"tiny-beta": "0" * 12}, "exact": True}, CRITICAL, "missing"),
    ],
)
async def test_what_is_offered_is_held_against_what_is_wished(
    models: dict[str, object], status: Status, kind: str, tmp_path: Path
) -> None:
    async with FakeEngine("ollama") as engine:
        wish = WishEntry(table="models", values={"engine": "ollama", "url": engine.url, **models})
        config = Config(desired=(DesiredEntry(nodes=("node",), wishes=(wish,)),))
        found = await find(make_test("ollama", engine.url, tmp_path, DEEP, config=config))
    assert (found["catalogue"].status, found["catalogue"].facts.get("kind", "")) == (status, kind)


async def test_a_route_that_names_the_engine_is_a_wish_for_one_of_its_models(tmp_path: Path) -> None:
    async with FakeEngine("ollama") as engine:
        entry = EngineEntry(kind="ollama", url=engine.url, name="box", node="node")
        for models, status in ((("absent", "tiny-alpha"), OK), (("absent",), CRITICAL)):
            config = Config(engines=(entry,), routes=(RouteEntry(name="chat", engines=("box",), models=models),))
            found = await find(make_test("ollama", engine.url, tmp_path, DEEP, config=config))
            assert found["catalogue"].status is status


async def test_the_gateway_has_to_offer_its_routes(tmp_path: Path) -> None:
    async with FakeEngine("openai") as engine:
        for name, status in (("tiny-alpha", OK), ("chat", CRITICAL)):
            config = Config(routes=(RouteEntry(name=name),))
            test = make_test("openai", engine.url, tmp_path, DEEP, config=config, gateway=True)
            found = await find(test)
            assert found["catalogue"].status is status
            assert "gpu" not in found


def test_words_mean_a_node_an_engine_or_both() -> None:
    config = Config(
        nodes=(NodeEntry(name="gpu01", address="10.0.0.9"),),
        engines=(EngineEntry(kind="vllm", url="http://x:1", name="big"),),
    )
    for word, meant in {
        "": ("", ""),
        "gpu01": ("gpu01", ""),
        "gpu01/vllm": ("gpu01", "vllm"),
        "engine:gpu01/vllm:8001": ("gpu01", "vllm:8001"),
        "here/ollama": ("", "ollama"),
        "ollama": ("", "ollama"),
        "ollama:11500": ("", "ollama:11500"),
        "big": ("", "big"),
        "http://127.0.0.1:8000": ("", "http://127.0.0.1:8000"),
    }.items():
        assert split_word(word, config, "here") == meant, word
    with pytest.raises(ConfigurationError):
        split_word("nothing-like-it", config, "here")


async def test_more_than_the_usual_is_done_after_a_yes_only(tmp_path: Path) -> None:
    asked: list[str] = []

    def refuse(lines: object) -> bool:
        asked.extend(lines)  # type: ignore[arg-type]
        return False

    with pytest.raises(ConfigurationError):
        await smoke(Caller(state=tmp_path, agree=refuse), "nothing-like-it", Wanted(every=True, restart=True))
    assert len(asked) == 2
