"""What the official Ollama client reads of a real vLLM's models in the gateway's lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import ollama
import openai
import pytest

from keepwell.testing.waiting import eventually
from tests.engines import real
from tests.gateway.processes import gateway
from tests.long.engines import find_vllm
from tests.support import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
CONTEXT = 1024
#: Seconds for a start on a busy machine.
START_SECONDS = 400.0


@contextmanager
def serving(folder: Path, model: Path) -> Iterator[int]:
    """A vLLM with this model as "tiny"; its port."""
    port = free_port()
    argv = [str(find_vllm()), "serve", str(model), "--served-model-name", "tiny", "--host", "127.0.0.1"]
    argv += ["--port", str(port), "--dtype", "float32", "--max-model-len", str(CONTEXT), "--max-num-seqs", "2"]
    argv += ["--enforce-eager", "--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    environment = {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "1",
        "VLLM_HOST_IP": "127.0.0.1",
    }
    with real.running(argv, environment, f"http://127.0.0.1:{port}", folder / "vllm.log") as engine:
        eventually(
            lambda: engine.ask("/health")[0] == 200 or engine.process.poll() is not None, START_SECONDS, pause=0.5
        )
        assert engine.process.poll() is None, "\n".join(engine.lines()[-20:])
        yield port


def test_ollama_lists_and_shows_what_vllm_serves(tmp_path: Path, folder: Path) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(serving(tmp_path, folder))
        made = stack.enter_context(gateway(tmp_path, [("vllm", port)]))
        client = stack.enter_context(ollama.Client(host=f"http://127.0.0.1:{made.port}", timeout=60))
        eventually(lambda: bool(client.list().models), 60, "the model is listed")
        (row,) = client.list().models
        assert row.model == "tiny"
        assert row.details is not None
        assert (row.details.format, row.details.family, row.details.quantization_level) == (
            *("safetensors", "llama"),
            "F32",
        )
        weights = sum(one.stat().st_size for one in folder.glob("*.safetensors"))
        assert row.size == weights
        assert len(row.digest or "") == 64
        assert row.modified_at is not None
        assert abs(row.modified_at.timestamp() - folder.stat().st_mtime) < 1
        (held,) = client.ps().models
        assert (held.model, held.context_length, held.size_vram) == ("tiny", CONTEXT, None)
        shown = client.show("tiny")
        assert shown.modelinfo is not None
        assert shown.modelinfo["llama.context_length"] == CONTEXT
        assert shown.modelinfo["llama.embedding_length"] == 256
        assert shown.capabilities == ["completion", "tools"]
        openai_client = openai.OpenAI(base_url=f"http://127.0.0.1:{made.port}/v1", api_key="x", max_retries=0)
        (listed,) = stack.enter_context(openai_client).models.list()
        assert (listed.id, listed.owned_by) == ("tiny", "vllm")
