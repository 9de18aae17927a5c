#!/usr/bin/env python3
"""Record what real engines answer, byte for byte: python scripts/record_golden.py ENGINE...

ENGINE is ollama, llamacpp or vllm, as scripts/setup_engines.py sets them up. Each case of scripts/golden_cases.py is
asked on a connection of its own; the request and the answer, heads and framing included, become
tests/dialects/golden/ENGINE/NAME.request.http and NAME.answer.http. What was recorded before is replaced; a path that
the engine does not have is left out. One thread each; all of them take about two minutes, most of it vLLM's start.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import golden_cases as cases

from keepwell.testing.real_engines import find_ollama
from keepwell.testing.tiny_model import TOOL_TEMPLATE, TinyModel, write_tiny_model
from keepwell.testing.waiting import eventually

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "dialects" / "golden"
#: Seconds until an engine answers its first question, and until an answer is there.
START_SECONDS, ANSWER_SECONDS = 300.0, 60.0
#: Bytes of an answer that is small enough to keep.
MOST_BYTES = 64 * 1024
#: Templates that show tools, calls and thoughts, so that engines look for them: in Ollama's language and in Jinja.
OLLAMA_TEMPLATE = (
    "{{ if .Tools }}<|system|>{{ .Tools }}<|end|>{{ end }}{{ range .Messages }}<|{{ .Role }}|>"
    "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}"
    "{{ if .ToolCalls }}<tool_call>\n{{ range .ToolCalls }}"
    '{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}\n{{ end }}</tool_call>{{ end }}'
    "<|end|>{{ end }}<|assistant|>"
)
THINK_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>"
    "{% if m['reasoning_content'] %}<think>\n{{ m['reasoning_content'] }}\n</think>\n\n{% endif %}{{ m['content'] }}"
    "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SHAPES = {
    cases.MODEL: TinyModel(tag="alpha", name=cases.MODEL, words=16),
    cases.CALLER: TinyModel(name=cases.CALLER, script=cases.TWO_CALLS, chat_template=TOOL_TEMPLATE),
    cases.THINKER: TinyModel(name=cases.THINKER, script=cases.THOUGHTS, chat_template=THINK_TEMPLATE),
    "tiny-vectors": TinyModel(tag="alpha", name="tiny-vectors", width=32, feed=32, words=32),
}
ASKED = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
OWN = ("/api/chat", "/api/generate", "/api/embed", "/api/embeddings")


def main(engines: Sequence[str]) -> int:
    """Record these engines."""
    record = {"ollama": record_ollama, "llamacpp": record_llamacpp, "vllm": record_vllm}
    if not engines or set(engines) - set(record):
        print(__doc__)
        return 2
    for name in engines:
        shutil.rmtree(GOLDEN / name, ignore_errors=True)
        (GOLDEN / name).mkdir(parents=True)
        with tempfile.TemporaryDirectory(prefix="golden") as folder:
            record[name](Path(folder))
        print(f"{name}: {len(list((GOLDEN / name).glob('*.answer.http')))} answers")
    return 0


def record_ollama(folder: Path) -> None:
    """Its own paths, and OpenAI's that it has."""
    program = find_ollama()
    port = find_port()
    env = {"HOME": str(folder), "OLLAMA_HOST": f"127.0.0.1:{port}", "OLLAMA_MODELS": str(folder / "models")}
    env |= {"LD_LIBRARY_PATH": str(program.parent), "OLLAMA_NUM_GPU": "0"}
    with running([str(program), "serve"], env, port, "/api/version", folder):
        for name, shape in SHAPES.items():
            give(port, write_tiny_model(folder / f"{name}.gguf", shape), name)
        asked = (cases.ask_ollama(), cases.ask_chat(), cases.ask_completions(), cases.ask_embeddings())
        record(port, "ollama", chain(*asked, cases.ask_special()), folder, (*OWN, *ASKED))


def record_llamacpp(folder: Path) -> None:
    """llama.cpp's server, once for each model."""
    asked = (cases.ask_chat(), cases.ask_completions(), cases.ask_responses(), cases.ask_messages())
    every = [*chain(*asked, cases.ask_special(), cases.ask_embeddings())]
    for name, shape in SHAPES.items():
        model = write_tiny_model(folder / f"{name}.gguf", shape)
        port = find_port()
        argv = [sys.executable, "-m", "keepwell.testing.llama_server", "-m", str(model), "-a", name]
        argv += ["--port", str(port), "--set", "use_jinja=true"]
        if name == "tiny-vectors":
            argv += ["--embeddings", "--set", "pooling_type=1"]
        with running(argv, {}, port, "/health", folder):
            record(port, "llamacpp", find_cases(every, name), folder, (*ASKED, "/v1/responses", "/v1/messages"))


def record_vllm(folder: Path) -> None:
    """vLLM on the processor: once to answer, once for vectors."""
    program = ROOT / ".cache" / "engines" / "vllm" / "bin" / "vllm"
    env = {
        "HOME": str(folder),
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "1",
        "VLLM_HOST_IP": "127.0.0.1",
    }
    asked = (cases.ask_chat(), cases.ask_completions(), cases.ask_responses(), cases.ask_messages())
    every = [*chain(*asked, cases.ask_special(), cases.ask_embeddings())]
    more = {
        # The model would write blanks for ever where JSON lets it.
        cases.MODEL: ["--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'],
        cases.CALLER: ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"],
        "tiny-vectors": ["--runner", "pooling", "--convert", "embed"],
    }
    for name, shape in SHAPES.items():
        if name == cases.THINKER:  # its parsers want the marks of thoughts as tokens of their own
            continue
        model, port = folder / name, find_port()
        write_folder(program, model, shape)
        argv = [str(program), "serve", str(model), "--served-model-name", name, "--host", "127.0.0.1"]
        argv += ["--port", str(port), "--dtype", "float32", "--max-model-len", "2048", "--max-num-seqs", "4"]
        with running([*argv, "--enforce-eager", *more.get(name, [])], env, port, "/health", folder):
            record(port, "vllm", find_cases(every, name), folder, (*ASKED, "/v1/responses", "/v1/messages"))


def write_folder(program: Path, folder: Path, shape: TinyModel) -> None:
    """The model in Hugging Face's format, made by vLLM's own Python."""
    script = ROOT / "src" / "keepwell" / "testing" / "tiny_hf.py"
    argv = [str(program.with_name("python")), "-P", str(script), str(folder), "--tag", shape.tag]
    argv += ["--words", str(shape.words), *chain.from_iterable(("--say", one) for one in shape.script)]
    subprocess.run(argv, check=True, timeout=60)


def find_cases(every: Sequence[cases.Case], model: str) -> Iterator[cases.Case]:
    """Those for this model; what names none goes to the usual one."""
    known = {cases.MODEL: (cases.MODEL, "nothing-like-it")}.get(model, (model,))
    return (one for one in every if one.body["model"] in known)


def record(port: int, engine: str, asked: Iterable[cases.Case], folder: Path, paths: Sequence[str]) -> None:
    """Ask each of these paths and keep both sides."""
    for case in asked:
        if case.path not in paths:
            continue
        request = render(case)
        answer = exchange(port, request)
        for private in (str(folder), str(ROOT), platform.node()):
            if private.encode() in answer:
                raise SystemExit(f"{engine} {case.name} tells of this machine: {private}")
        if len(answer) > MOST_BYTES:
            raise SystemExit(f"{engine} {case.name} is {len(answer)} bytes")
        (GOLDEN / engine / f"{case.name}.request.http").write_bytes(request)
        (GOLDEN / engine / f"{case.name}.answer.http").write_bytes(answer)
        print(f"{engine} {case.name}: {answer.partition(b' ')[2][:3].decode()}, {len(answer)} bytes", flush=True)


def render(case: cases.Case) -> bytes:
    """The request's bytes."""
    body = json.dumps(case.body, separators=(",", ":")).encode()
    lines = [f"POST {case.path} HTTP/1.1", "host: localhost", "connection: close", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in case.headers.items()]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def exchange(port: int, request: bytes) -> bytes:
    """All bytes that come back until the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(request)
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
        return b"".join(pieces)


def give(port: int, model: Path, name: str) -> None:
    """Put a model file into an Ollama's store."""
    content = model.read_bytes()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    head = f"POST /api/blobs/{digest} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: "
    assert exchange(port, f"{head}{len(content)}\r\n\r\n".encode() + content).startswith(b"HTTP/1.1 201")
    body = {"model": name, "files": {model.name: digest}, "template": OLLAMA_TEMPLATE, "stream": False}
    made = exchange(port, render(cases.Case("/api/create", "", body)))
    assert made.startswith(b"HTTP/1.1 200"), made


@contextmanager
def running(argv: Sequence[str], env: Mapping[str, str], port: int, path: str, folder: Path) -> Iterator[None]:
    """The engine while the block lasts, once it answers."""
    with (folder / "engine.log").open("ab") as log:
        process = subprocess.Popen(argv, env={**os.environ, **env}, stdout=log, stderr=log, cwd=folder)
    try:
        eventually(lambda: process.poll() is not None or answers(port, path), START_SECONDS, "an answer", pause=0.5)
        if process.poll() is not None:
            raise SystemExit((folder / "engine.log").read_text(errors="replace")[-4000:])
        yield
    finally:
        process.terminate()
        process.wait(60)


def answers(port: int, path: str) -> bool:
    """True once a server is well."""
    try:
        head = f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        return b" 200 " in exchange(port, head.encode())[:20]
    except OSError:
        return False


def find_port() -> int:
    """A free one."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
