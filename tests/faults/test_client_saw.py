"""What only a client sees: another model than the one it asked for, and a stream that a proxy holds back."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keepwell.testing.gym.carrying import carry_out
from keepwell.testing.real_engines import LlamaServer, Ollama
from keepwell.testing.real_proxy import start_nginx
from keepwell.testing.waiting import eventually
from keepwell.testing.world import World
from tests.faults.judging import causes

pytestmark = pytest.mark.real

_RECEIVED = re.compile(r"^(\d\d):(\d\d):(\d\d\.\d+) <= Recv data, (\d+) bytes", re.MULTILINE)
_SENT = re.compile(r"^(\d\d):(\d\d):(\d\d\.\d+) => Send header", re.MULTILINE)


def test_a_wrong_name_that_another_model_answers(llama: LlamaServer, world: World) -> None:
    answer = diagnose(world, ask_for(world, llama, "gpt-4o"))
    assert causes(answer)[0][0] == "backend-ignores-model-name", causes(answer)[:4]
    ran = carry_out(world, answer, {"url": llama.url}).commands
    assert any("/v1/models" in word for argv in ran for word in argv)
    name = llama.get("/v1/models").data["data"][0]["id"]
    assert llama.chat(model=name).data["model"] == name


def test_a_proxy_that_holds_the_stream_back(ollama: Ollama, world: World) -> None:
    ollama.chat()
    location = start_nginx(world, "/api/version")
    direct, proxied = watch_stream(world, ollama.url), watch_stream(world, "http://127.0.0.1:8088")
    assert direct.chunks > 10 * proxied.chunks
    assert proxied.first_seconds > 5 * direct.first_seconds
    answer = diagnose(world, tell(direct, proxied, location))
    assert causes(answer)[0][0] == "reverse-proxy-breaks-stream", causes(answer)[:4]
    carry_out(world, answer, {"nginx location file": str(location)})
    eventually(lambda: watch_stream(world, "http://127.0.0.1:8088").chunks > 10 * proxied.chunks, 20)


def diagnose(world: World, text: str) -> dict[str, Any]:
    """What keepwell says of a pasted text."""
    (world.root / "evidence.txt").write_text(text)
    return world.keepwell("diagnose", "--evidence", "evidence.txt")


def ask_for(world: World, llama: LlamaServer, name: str) -> str:
    """Ask for a model with curl; what a person would paste."""
    body = json.dumps({"model": name, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5})
    url = f"{llama.url}/v1/chat/completions"
    ran = world.run(["curl", "-sS", "-v", "-H", "Content-Type: application/json", "-d", body, url])
    served = json.loads(ran.stdout)["model"]
    said = f'asked for model "{name}", the reply\'s model is "{served}"'
    return f"$ curl -v {url} -d '{body}'\n{ran.stderr}{ran.stdout}\n{said}\n"


@dataclass(frozen=True)
class Stream:
    """A streamed answer as curl saw it: its trace, when the first piece came, how many pieces there were."""

    url: str
    trace: str
    first_seconds: float
    last_seconds: float
    chunks: int


def watch_stream(world: World, url: str) -> Stream:
    """Ask for some hundred tokens and note when each piece arrives."""
    body = {"model": "tiny-alpha", "messages": [{"role": "user", "content": "x"}], "options": {"num_thread": 1}}
    argv = ["curl", "-sS", "-N", "--trace-time", "--trace-ascii", "-", "-o", "/dev/null", "-d", json.dumps(body)]
    trace = world.run([*argv, f"{url}/api/chat"]).stdout
    began = _SENT.search(trace)
    assert began, trace[:300]
    times = [_seconds(found) - _seconds(began) for found in _RECEIVED.finditer(trace)]
    return Stream(url, trace, times[0], times[-1], len(times))


def tell(direct: Stream, proxied: Stream, location: Path) -> str:
    """What a person would paste: both traces without the bodies, the figures, and the proxy's configuration."""
    parts = []
    for name, one in (("direct", direct), ("through nginx", proxied)):
        lines = [line for line in one.trace.splitlines() if "Recv" in line or line.startswith("0000: ")][:14]
        parts.append(f"$ curl -N --trace-time --trace-ascii - {one.url}/api/chat    # {name}\n" + "\n".join(lines))
    for name, one in (("direct", direct), ("through nginx", proxied)):
        first, last = f"first chunk after {one.first_seconds:.3f} s", f"last after {one.last_seconds:.3f} s"
        parts.append(f"{name}: {first}, {one.chunks} chunks, {last}")
    return "\n".join(parts) + f"\n# {location.name}\n{location.read_text()}"


def _seconds(found: re.Match[str]) -> float:
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])
