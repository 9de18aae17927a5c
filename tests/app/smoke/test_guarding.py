"""The guard at engines: fake ones every day, real ones with planted faults in the long tests.

The made models say " TAG 0001 0002 ..." and nothing else, so the cases here come from files that fit them: keepwell's
own cases are for models that chat. Their broken template is one that drops the question: they say the same whatever
they are asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepwell.app.operation import Caller
from keepwell.app.smoke.asker import Asker
from keepwell.app.smoke.guarding import GuardTest, read_cases
from keepwell.core.errors import ConfigurationError
from keepwell.core.finding import Status
from keepwell.testing.engine import FakeEngine, Fault
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport
from tests.engines.kit import plug_in, site_of
from tests.engines.real import RealEngine, give, make_model, ollama

CASES = """
[[case]]
name = "who answers"
prompt = "Say your name."
tokens = 12
contains = [" alpha 0001 0002"]
[[case]]
name = "the end"
prompt = "Count."
tokens = 24
ends = true
contains = ["0008"]
[[case]]
name = "long"
prompt = "Say your name."
tokens = 4
contains = ["alpha 0001"]
words = [60, 120]
"""


def write(folder: Path, text: str = CASES) -> str:
    (folder / "mine.toml").write_text(text)
    return str(folder)


async def guard(flavour: str, url: str, cases: str, model: str = "") -> dict[str, tuple[Status, str]]:
    """What came of each case."""
    transport = LocalTransport("node")
    asker = Asker(site_of(flavour, url), plug_in(flavour), transport, SystemClock())
    test = GuardTest(caller=Caller(), questions=read_cases(cases), model=model)
    try:
        await test.ask_engine(asker)
    finally:
        await asker.close()
        await transport.close()
    return {one.facts["case"]: (one.status, one.facts.get("kind", "")) for one in test.findings}


async def test_a_model_that_answers_as_known_passes(tmp_path: Path) -> None:
    async with FakeEngine("ollama") as engine:
        found = await guard("ollama", engine.url, write(tmp_path))
        assert found.pop("effective context") == (Status.OK, "120")
        assert found.pop("the end") == (Status.WARNING, "endless"), "it counts to 512"
        assert set(found.values()) == {(Status.OK, "")}
        await engine.set_fault(Fault.WRONG_MODEL)
        assert (await guard("ollama", engine.url, str(tmp_path)))["who answers"] == (Status.WARNING, "words")


def test_cases_that_cannot_be_read_are_told_with_their_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="files of cases"):
        read_cases(str(tmp_path))
    write(tmp_path, "[[case]]\n")
    with pytest.raises(ConfigurationError, match="name"):
        read_cases(str(tmp_path))
    assert len(read_cases("")) > 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealEngine]:
    """A real Ollama with one well model, and the same with a fault each."""
    folder = tmp_path_factory.mktemp("guard")
    well = make_model(folder / "alpha.gguf", TinyModel(tag="alpha", words=8))
    script = TinyModel(tag="alpha", script=(" alpha", " 0001", " 0002", "[INST]", " 0008"))
    with ollama(folder) as engine:
        give(engine, well, "well", num_thread=1)
        give(engine, make_model(folder / "beta.gguf", TinyModel(tag="beta", words=8)), "other", num_thread=1)
        give(engine, make_model(folder / "leak.gguf", script), "leak", num_thread=1)
        give(engine, make_model(folder / "loop.gguf", TinyModel(tag="alpha", words=8, loop=True)), "loop", num_thread=1)
        faults: dict[str, dict[str, object]] = {
            "cut": {"parameters": {"num_ctx": 32}},
            "template": {"template": "<|user|>hello<|end|><|assistant|>"},
        }
        for name, fault in faults.items():
            created = {"model": name, "from": "well", "stream": False, **fault}
            assert engine.ask("/api/create", created)[0] == 200
        yield engine


@pytest.mark.real
@pytest.mark.long
@pytest.mark.parametrize(
    ("model", "bad"),
    [
        ("well", {}),
        ("cut", {"long, 60 words": "cut", "long, 120 words": "cut"}),
        ("other", {"who answers": "words", "long, 60 words": "words", "long, 120 words": "words"}),
        ("template", {"long, 60 words": "cut", "long, 120 words": "cut"}),
        ("leak", dict.fromkeys(("who answers", "the end", "long, 60 words", "long, 120 words"), "marks")),
        ("loop", {"the end": "endless"}),
    ],
)
async def test_planted_faults_at_a_real_engine_are_noticed(
    model: str, bad: dict[str, str], server: RealEngine, tmp_path: Path
) -> None:
    found = await guard("ollama", server.url, write(tmp_path), model)
    found.pop("effective context")
    assert {name: kind for name, (status, kind) in found.items() if status is not Status.OK} == bad
    eventually(lambda: json.loads(server.ask("/api/ps")[1])["models"] == [], 20.0, "it left the memory again")
