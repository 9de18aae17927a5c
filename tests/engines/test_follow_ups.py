"""Lines that tell of an earlier error: in recorded failures the root line is never one, what follows it is."""

from __future__ import annotations

import re

import pytest

from tests.engines.kit import plug_in

#: Recorded from b11549: a cut file, a held port.
CUT = """0.00.009.693 I srv    load_model: loading model 'cut.gguf'
0.00.010.378 E llama_model_load: error loading model: tensor 'token_embd.weight' data is not within the file bounds
0.00.010.385 E llama_model_load_from_file_impl: failed to load model
0.00.010.425 E common_fit_params: encountered an error while trying to fit params to free device memory: failed to load
0.00.010.834 E cmn  common_init_: failed to load model 'cut.gguf'
0.00.010.836 E srv    load_model: failed to load model, 'cut.gguf'
0.00.010.839 I srv    operator(): operator(): cleaning up before exit...
0.00.011.923 E srv          init: exiting due to model loading error"""
HELD = """0.00.007.175 E srv         start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 18393
0.00.007.177 I srv    operator(): operator(): cleaning up before exit...
0.00.007.380 E srv          init: exiting due to HTTP server error"""
#: Recorded from Ollama 0.9.3 with a cut blob.
BLOB = """llama_model_load: error loading model: tensor 'blk.1.ffn_gate.weight' data is not within the file bounds
llama_model_load_from_file_impl: failed to load model
time=2026-11-22T03:00:00.325Z level=INFO source=sched.go:455 msg="NewLlamaServer failed" model=/m error="unable to load"
[GIN] 2026/11/22 - 03:00:00 | 500 |    9.1ms |       127.0.0.1 | POST     "/api/chat\""""
RUNNER = """CUDA error: out of memory
time=2026-08-20T09:01:02.000Z level=ERROR source=sched.go:1 msg="error loading llama server" error="exit status 2"
llama-server process has terminated: exit status 2"""
#: As measured on vLLM 0.32.0 with cut safetensors.
CORE = """(Worker pid=9) ERROR 11-22 SafetensorError: Error while deserializing header: incomplete metadata
(Worker pid=9) ERROR 11-22 [multiproc_executor.py:1] WorkerProc failed to start.
(EngineCore pid=8) ERROR 11-22 [core.py:1] EngineCore failed to start.
(EngineCore pid=8) Traceback (most recent call last):
(APIServer pid=7) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"""


@pytest.mark.parametrize(
    ("name", "text", "first"),
    [("llamacpp", CUT, 1), ("llamacpp", HELD, 0), ("ollama", BLOB, 0), ("ollama", RUNNER, 0), ("vllm", CORE, 0)],
)
def test_the_root_stands_out(name: str, text: str, first: int) -> None:
    patterns = [re.compile(pattern, re.IGNORECASE) for pattern in plug_in(name).follow_ups]
    told = [any(pattern.search(line) for pattern in patterns) for line in text.splitlines()]
    assert not any(told[: first + 1]), "the root is no follow-up"
    assert all(told[first + 1 :]), [line for line, one in zip(text.splitlines(), told, strict=True) if not one]


@pytest.mark.parametrize("name", ["ollama", "llamacpp", "vllm"])
def test_healthy_lines_are_no_follow_ups(name: str) -> None:
    lines = [
        "srv load_model: loading model 'a.gguf'",
        'msg="Listening on 127.0.0.1:11434 (version 0.9.3)"',
        "Application startup complete.",
        '[GIN] 2026/11/22 - 03:00:00 | 200 |    9.1ms |       127.0.0.1 | POST     "/api/chat"',
        '[GIN] 2026/11/22 - 03:00:00 | 503 |    9.1ms |       127.0.0.1 | POST     "/api/chat"',
        "Worker proc VllmWorker-0 died unexpectedly (exit code: -9), shutting down executor.",
    ]
    for pattern in plug_in(name).follow_ups:
        assert not [line for line in lines if re.search(pattern, line, re.IGNORECASE)], pattern
