"""Who is asked: what is in memory first, nothing loaded unsaid, nobody outside of the owner's network unagreed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.app.diagnosing import diagnose_text
from keepwell.app.expert.privacy import is_outside, make_redactor
from keepwell.app.expert.resident import Respondent
from keepwell.app.expert.respondent import Choice, find_respondent
from keepwell.app.operation import Caller
from keepwell.app.report import DiagnosisReport, EnginePicture, LoadedPicture, NodePicture
from keepwell.app.wiring import Wiring, wire
from keepwell.config.model import Config, EngineEntry, NodeEntry
from keepwell.core.errors import ConfigurationError, RefusedError, Unreachable
from keepwell.core.finding import Status
from keepwell.core.observation import Missing, absent
from keepwell.core.ref import engine, node
from keepwell.testing.scripted_model import ScriptedModel, answer_turn
from keepwell.transport.local import LocalTransport
from tests.ask.stage import play

GIB = 2**30


def loaded(name: str, size: int, context: int = 8192) -> LoadedPicture:
    return LoadedPicture(name=name, size_bytes=size, gpu_ratio=1.0, context_tokens=context, expires_at=0.0)


def picture(port: int, models: tuple[LoadedPicture, ...] | Missing) -> EnginePicture:
    return EnginePicture(
        ref=engine("here", f"e{port}"),
        title="An engine",
        url=f"http://127.0.0.1:{port}",
        version="1",
        status=Status.OK,
        state="well",
        supervisor="",
        log="",
        models=3,
        loaded=models,
        requests_running=0.0,
        requests_waiting=0.0,
    )


def report(*engines: EnginePicture) -> DiagnosisReport:
    made = NodePicture(
        ref=node("here"),
        system="",
        cores=1,
        memory_total_bytes=1.0,
        memory_available_bytes=1.0,
        devices=(),
        engines=tuple(engines),
    )
    return replace(diagnose_text("nothing"), node=made)


SEVERAL = report(
    picture(1001, (loaded("small:1b", GIB), loaded("bge-m3-embed", 40 * GIB))),
    picture(1002, (loaded("large:8b", 5 * GIB, 4096),)),
    picture(1003, absent("it does not tell")),
)


@pytest.fixture
async def wiring(tmp_path: Path) -> AsyncIterator[Wiring]:
    config = tmp_path / "keepwell.toml"
    config.write_text("")
    async with wire(Caller(state=tmp_path / "state", config=config)) as made:
        yield made


async def find(wiring: Wiring, seen: DiagnosisReport, caller: Caller | None = None, **choice: object) -> Respondent:
    asked = caller or Caller(state=wiring.state)
    return await find_respondent(wiring, asked, Choice(**choice), seen)  # type: ignore[arg-type]


def declaring(wiring: Wiring, lines: str, folder: Path) -> Wiring:
    path = folder / "declared.toml"
    path.write_text(lines)
    config = wire(Caller(state=wiring.state, config=path)).config
    return replace(wiring, config=config)


async def test_the_largest_in_memory_that_answers_in_words(wiring: Wiring) -> None:
    found = await find(wiring, SEVERAL)
    assert (found.model, found.url, found.in_memory) == ("large:8b", "http://127.0.0.1:1002", True)
    assert found.context_tokens == 4096


async def test_the_one_that_was_named(wiring: Wiring, tmp_path: Path) -> None:
    assert (await find(wiring, SEVERAL, model="small:1b")).url == "http://127.0.0.1:1001"
    declared = declaring(wiring, '[ask]\nmodel = "small:1b"\n', tmp_path)
    assert (await find(declared, SEVERAL)).model == "small:1b"
    assert (await find(declared, SEVERAL, model="large:8b")).model == "large:8b"


async def test_a_context_that_holds_no_question_is_told(wiring: Wiring) -> None:
    short = picture(1004, (loaded("huge:70b", 40 * GIB, 1024),))
    assert (await find(wiring, report(*SEVERAL.node.engines, short))).model == "large:8b"  # type: ignore[union-attr]
    with pytest.raises(Unreachable, match="context of 1024"):
        await find(wiring, report(short))


async def test_no_model_is_told_with_what_to_do(wiring: Wiring) -> None:
    with pytest.raises(Unreachable, match="no model is up") as nobody:
        await find(wiring, report())
    assert "keepwell up" in nobody.value.hint
    with pytest.raises(Unreachable, match="known to be in memory") as unknown:
        await find(wiring, report(picture(1003, absent("it does not tell"))))
    assert "http://127.0.0.1:1003" in unknown.value.hint


async def test_a_model_that_is_not_in_memory_waits_for_a_yes(wiring: Wiring) -> None:
    asked: list[str] = []

    def agree(lines: Sequence[str]) -> bool:
        asked.extend(lines)
        return True

    seen = report(picture(1002, ()))
    at = "http://127.0.0.1:1002"
    with pytest.raises(Unreachable, match="nobody agreed") as refused:
        await find(wiring, seen, at=at, model="other:1b")
    assert "--load" in refused.value.hint
    found = await find(wiring, seen, Caller(state=wiring.state, agree=agree), at=at, model="other:1b")
    assert found.in_memory is False
    assert "other:1b" in asked[0]


async def test_an_address_with_one_model_needs_no_name_and_one_with_several_does(wiring: Wiring) -> None:
    async with ScriptedModel([], models=("one",)).serving() as url:
        assert (await find(wiring, report(), at=f"{url}/v1/")).model == "one"
    async with ScriptedModel([], models=("one", "two", "embed-x")).serving() as url:
        with pytest.raises(Unreachable, match="several models") as several:
            await find(wiring, report(), at=url)
        assert "one, two" in several.value.hint
        assert (await find(wiring, report(), at=url, model="two")).model == "two"
    with pytest.raises(Unreachable):
        await find(wiring, report(), at=url)


async def test_what_is_no_address_is_the_owners_mistake(wiring: Wiring) -> None:
    with pytest.raises(ConfigurationError):
        await find(wiring, report(), at="localhost:1")


HOSTED = '[ask]\nurl = "https://api.example.com/v1"\nmodel = "m"\nhosted = true\n'


async def test_an_outside_address_needs_the_owners_word_for_itself(wiring: Wiring, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="outside") as refused:
        await find(wiring, report(), at="https://api.example.com/v1", model="m")
    assert "hosted = true" in refused.value.hint
    with pytest.raises(RefusedError):
        await find(declaring(wiring, HOSTED.replace("hosted = true", ""), tmp_path), report())
    declared = declaring(wiring, HOSTED, tmp_path)
    found = await find(declared, report())
    assert (found.url, found.outside) == ("https://api.example.com", True)
    with pytest.raises(RefusedError):
        await find(declared, report(), at="https://other.example.com", model="m")


async def test_the_gateways_key_goes_to_no_outside_address(
    wiring: Wiring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEPWELL_API_KEY", "of-the-gateway")
    monkeypatch.setenv("HOSTED_KEY", "of-the-host")
    assert (await find(declaring(wiring, HOSTED, tmp_path), report())).api_key == ""
    with_key = declaring(wiring, HOSTED + 'key = { env = "HOSTED_KEY" }\n', tmp_path)
    assert (await find(with_key, report())).api_key == "of-the-host"
    assert (await find(wiring, SEVERAL)).api_key == "of-the-gateway"


NODES = Config(
    nodes=(NodeEntry(name="gpu01", address="gpu.example.com"), NodeEntry(name="gpu02", address="8.8.4.4")),
    engines=(
        EngineEntry(kind="openai", url="https://llm.example.com", node="gpu01"),
        EngineEntry(kind="openai", url="https://api.somebody.com"),
    ),
)


@pytest.mark.parametrize(
    ("url", "outside"),
    [
        ("http://127.0.0.1:1", False),
        ("http://192.168.1.2:1", False),
        ("http://[fd00::1]:1", False),
        ("http://100.100.1.1:1", False),
        ("http://gpu01:1", False),
        ("http://gpu01.lan:1", False),
        ("http://box.tail1234.ts.net:1", False),
        ("http://gpu.example.com:1", False),
        ("http://8.8.4.4:1", False),
        ("https://llm.example.com", False),
        ("https://api.somebody.com", True),
        ("https://8.8.8.8", True),
        ("http://[2a00::1]:1", True),
        ("https://evil.example.com", True),
        ("http://lan.example.com", True),
    ],
)
def test_what_is_outside(url: str, outside: bool) -> None:
    assert is_outside(url, NODES) is outside


async def test_what_goes_to_somebody_else_is_redacted(tmp_path: Path) -> None:
    secret = "sk-" + "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA" * 2
    text = (
        f"Error: no space left on device for user mrs.miller@example.org on bigbox.example.org from 93.184.216.34\n"
        f"Authorization: Bearer {secret} no space left on device\n"
    )
    good = answer_turn(("The disk has no space left.", ["C1"]), cause="C1")
    question = f"why does bigbox fail with {secret}?"
    played = await play(good, state=tmp_path, text=text, question=question, hosted=True, names=("bigbox",))
    sent = str(played.model.asked)
    assert secret not in sent
    assert "miller@" not in sent
    assert "93.184.216.34" not in sent
    assert "bigbox" not in sent
    assert "<host-1>" in sent or "\\u003chost-1>" in sent
    assert played.report.answering.masked >= 4
    assert played.report.state == "answered"


async def test_a_redactor_is_made_where_accounts_cannot_be_read() -> None:
    hands = LocalTransport()
    redactor = await make_redactor(hands, ["bigbox", "192.168.1.2"])
    await hands.close()
    assert redactor.redact_text("bigbox at 192.168.1.2") == "<host-1> at 192.168.1.2"
