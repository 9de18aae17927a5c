"""Two hundred streams whose every word is known, over real engines, while everything around them breaks.

Each one is whole, in order and from the right model, or ends in an error that its client sees. None ends falsely. Once
over llama.cpp servers alone with clients of OpenAI's format, once with an Ollama beside them and clients of its
format too, whom the others answer in translation.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from keepwell.testing.tiny_model import TinyModel, write_tiny_model
from tests.engines.real import give, ollama
from tests.gateway.made import Answered
from tests.gateway.processes import Gateway, ask, gateway, llama_server
from tests.support import free_port

pytest.importorskip("xllamacpp")
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
#: Streams at once, and words of each, its model's own word first.
STREAMS, WORDS = 200, 100
#: A stalled engine is left after two seconds; who waits, waits for all that is done to the others.
MORE = '[gateway]\nbetween = "2s"\nwait = "5m"\n'


@dataclass(slots=True)
class Fleet:
    """A gateway before four engines, two for each model; `servers` are by model, to be killed and started again."""

    gateway: Gateway
    servers: dict[str, list[subprocess.Popen[bytes]]]
    ports: dict[str, list[int]]
    folder: Path
    stack: ExitStack
    ollama: int = 0

    def kill_runner(self) -> None:
        """The process of the Ollama in which a model runs, if there is one."""
        for pid in find_children(self.ollama):
            os.kill(pid, signal.SIGKILL)

    def start_again(self, model: str, number: int) -> None:
        """The engine that was killed."""
        port = self.ports[model][number]
        started = llama_server(self.folder, self.folder / f"{model}.gguf", port, "-np", "4")
        self.servers[model][number] = self.stack.enter_context(started)


def find_children(pid: int) -> list[int]:
    """Processes that this one started; [] for 0."""
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    if not pid or not tasks.exists():
        return []
    return [int(one) for one in tasks.read_text().split()]


@contextmanager
def fleet(folder: Path, *, with_ollama: bool) -> Iterator[Fleet]:
    """Real engines and the whole gateway."""
    with ExitStack() as stack:
        servers: dict[str, list[subprocess.Popen[bytes]]] = {}
        ports: dict[str, list[int]] = {}
        for model in ("alpha", "bravo"):
            write_tiny_model(folder / f"{model}.gguf", TinyModel(tag=model, name=f"tiny-{model}"))
            ports[model] = [free_port(), free_port()]
            servers[model] = [
                stack.enter_context(llama_server(folder, folder / f"{model}.gguf", port, "-np", "4"))
                for port in ports[model]
            ]
        engines = [("llamacpp", port) for found in ports.values() for port in found]
        pid = 0
        if with_ollama:
            engine = stack.enter_context(ollama(folder, OLLAMA_NUM_PARALLEL="4", OLLAMA_MAX_LOADED_MODELS="2"))
            for model in ports:
                give(engine, folder / f"{model}.gguf", f"tiny-{model}", num_thread=1)
            engines.append(("ollama", int(engine.url.rpartition(":")[2])))
            pid = engine.process.pid
        made = stack.enter_context(gateway(folder, engines, MORE))
        yield Fleet(made, servers, ports, folder, stack, pid)


def read_words(text: str) -> list[str]:
    """What a stream of either format says."""
    lines = text.split("\n")
    rows = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    chats = [json.loads(line) for line in lines if line.startswith("{")]
    pieces = [row["choices"][0]["text"] for row in rows if row.get("choices")]
    return "".join([*pieces, *(row["message"]["content"] for row in chats if "message" in row)]).split()


def judge(answer: Answered, model: str) -> str:
    """ "well", "told" for an error that the client sees, else what is wrong."""
    text = answer.body.decode()
    said = read_words(text)
    expected = [model, *(f"{number:04d}" for number in range(1, WORDS))]
    if said != expected[: len(said)]:
        return f"wrong words: {said[:5]} ... {said[-5:]}"
    if answer.status != 200:
        return f"told {answer.status}"
    if answer.headers["x-keepwell-model"].removesuffix(":latest") != f"tiny-{model}":
        return f"from {answer.headers['x-keepwell-model']}"
    ended = text.rstrip().endswith("data: [DONE]") or '"done":true' in text
    if answer.whole and said == expected and ended:
        return "well"
    if not answer.whole or ('"error"' in text and not ended):
        return "told"
    return f"a false end after {len(said)} words"


@dataclass(slots=True)
class Streams:
    """Clients that ask for one stream after the other until it is `over`, and what became of each."""

    port: int
    outcomes: Counter[str]
    #: Every third client asks in Ollama's format.
    mixed: bool
    over: bool = False

    async def keep_asking(self, number: int) -> None:
        """At least one."""
        model = ("alpha", "bravo")[number % 2]
        path, asked = "/v1/completions", {"prompt": "count", "max_tokens": WORDS, "stream": True}
        if self.mixed and number % 3 == 0:
            chat = [{"role": "user", "content": "count"}]
            path, asked = "/api/chat", {"messages": chat, "options": {"num_predict": WORDS}}
        body = json.dumps({"model": f"tiny-{model}", **asked}).encode()
        await asyncio.sleep(number * 0.01)
        while True:
            try:
                outcome = judge(await ask(self.port, path, body), model)
            except ConnectionError as error:
                outcome = f"told {type(error).__name__}"
            except TimeoutError:
                outcome = "nothing for minutes"
            self.outcomes[outcome] += 1
            if self.over:
                return


async def break_everything(made: Fleet) -> None:
    """One thing after the other while the streams run."""
    await asyncio.sleep(1)
    made.servers["alpha"][0].kill()
    await asyncio.sleep(1)
    await asyncio.to_thread(made.start_again, "alpha", 0)
    made.kill_runner()
    stopped = made.servers["bravo"][0]
    os.kill(stopped.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(4)
    finally:
        os.kill(stopped.pid, signal.SIGCONT)
    config = made.gateway.config
    config.write_text(config.read_text() + '\n[[route]]\nname = "tiny-alpha"\naliases = ["a"]\n')
    drained = f"llamacpp:{made.ports['alpha'][1]}"
    done = await made.gateway.run("drain", drained, "--wait", "--timeout", "60")
    assert done.returncode == 0, done.stderr + done.stdout
    done = await made.gateway.run("gateway", "--restart")
    assert done.returncode == 0, done.stderr + done.stdout
    assert (await made.gateway.run("uncordon", drained)).returncode == 0
    os.kill(made.servers["bravo"][1].pid, signal.SIGKILL)


@pytest.mark.parametrize("with_ollama", [False, pytest.param(True, marks=pytest.mark.real)])
def test_every_stream_is_right_or_told(tmp_path: Path, *, with_ollama: bool) -> None:
    async def check(made: Fleet) -> Counter[str]:
        streams = Streams(made.gateway.port, Counter(), with_ollama)
        tasks = [asyncio.create_task(streams.keep_asking(number)) for number in range(STREAMS)]
        try:
            await break_everything(made)
        finally:
            streams.over = True
            await asyncio.gather(*tasks)
        return streams.outcomes

    with fleet(tmp_path, with_ollama=with_ollama) as made:
        outcomes = asyncio.run(check(made))
        state = json.loads(made.gateway.keepwell("replicas", "--json").stdout)
    told = {what: count for what, count in outcomes.items() if what.startswith("told")}
    assert outcomes["well"] + sum(told.values()) == outcomes.total() >= STREAMS, outcomes
    assert outcomes["well"] >= outcomes.total() * 0.7, outcomes
    print(dict(outcomes))
    assert len(state["replicas"]) >= 4 + with_ollama
    assert not any(one["running"] for one in state["replicas"])
    assert state["waiting"] == 0
