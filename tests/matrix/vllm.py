"""A real vLLM on the processor, once for each kind of tiny model."""

from __future__ import annotations

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from keepwell.testing.waiting import eventually
from tests.long.engines import VLLM_SECONDS, find_vllm
from tests.matrix.fleet import TWO_CALLS
from tests.support import REPOSITORY, free_port

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "VLLM_HOST_IP": "127.0.0.1",
}
#: What each model says, and what it is served with: the first would write blanks for ever where JSON lets it.
MODELS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "tiny-victor": ((), ("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}')),
    "tiny-vcaller": (TWO_CALLS, ("--enable-auto-tool-choice", "--tool-call-parser", "hermes")),
    "tiny-vvectors": ((), ("--runner", "pooling", "--convert", "embed")),
}


@contextmanager
def vllms(folder: Path) -> Iterator[dict[str, int]]:
    """The ports by model, all ready. Skips where vLLM was not set up."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(_vllm(folder, name)) for name in MODELS}


@contextmanager
def _vllm(folder: Path, name: str) -> Iterator[int]:
    program = find_vllm()
    script, port = REPOSITORY / "src" / "keepwell" / "testing" / "tiny_hf.py", free_port()
    said, more = MODELS[name]
    made = [str(program.with_name("python")), "-P", str(script), str(folder / name), "--tag", name.rpartition("-")[2]]
    subprocess.run([*made, *(word for one in said for word in ("--say", one))], check=True, timeout=60)
    argv = [str(program), "serve", str(folder / name), "--served-model-name", name, "--host", "127.0.0.1"]
    argv += ["--port", str(port), "--dtype", "float32", "--max-model-len", "2048", "--max-num-seqs", "4"]
    with (folder / f"{name}.log").open("wb") as log:
        env = {**os.environ, **ENVIRONMENT, "HOME": str(folder)}
        process = subprocess.Popen([*argv, "--enforce-eager", *more], stdout=log, stderr=log, env=env, cwd=folder)
    try:
        eventually(
            lambda: process.poll() is not None or _is_well(port), VLLM_SECONDS, f"an answer of {name}", pause=0.5
        )
        assert process.poll() is None, (folder / f"{name}.log").read_text(errors="replace")[-3000:]
        yield port
    finally:
        process.terminate()
        process.wait(120)


def _is_well(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
