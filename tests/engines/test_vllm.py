"""vLLM: flags and variables, sleep, metrics of two generations, the model's folder."""

from __future__ import annotations

import json
import struct

import pytest

from keepwell.core.observation import Missing, absent
from keepwell.engines.vllm import ENGINE
from keepwell.engines.vllm.settings import parse_arguments
from keepwell.plugins.engine import Effective
from keepwell.testing.engine import FakeEngine, FakeModel, Fault
from keepwell.testing.node import RecordedNode
from keepwell.transport.local import LocalTransport
from tests.engines.kit import process_of, site_of

MODULE = ("python3", "-m", "vllm.entrypoints.openai.api_server")
#: Lines as release 0.32 writes them.
START = (
    "(APIServer pid=71) INFO 11-22 03:00:00 [utils.py:299] vLLM API server version 0.32.0",
    "(APIServer pid=71) INFO 11-22 03:00:00 [api_utils.py:286] non-default args: {'model_tag': '/m/a', 'port': 8001, "
    "'max_model_len': 2048, 'enforce_eager': True, 'served_model_name': ['tiny', 'small'], 'api_key': '***'}",
    "WARNING 11-22 03:00:00 [interface.py:1456] Unknown vLLM environment variable detected: VLLM_GPU_MEMORY",
)


@pytest.mark.parametrize(
    ("argv", "address"),
    [
        (("vllm", "serve", "/m/a"), ("0.0.0.0", 8000)),
        (("/opt/bin/vllm", "serve", "/m/a", "--host", "127.0.0.1", "--port=8001"), ("127.0.0.1", 8001)),
        ((*MODULE, "--model", "/m/a", "--port", "8002"), ("0.0.0.0", 8002)),
        (("/opt/python", "/opt/bin/vllm", "serve", "/m/a", "--port", "8003"), ("0.0.0.0", 8003)),
    ],
)
def test_the_address(argv: tuple[str, ...], address: tuple[str, int]) -> None:
    assert ENGINE.resembles(argv)
    assert ENGINE.address(argv, {"VLLM_PORT": "9"}) == address


@pytest.mark.parametrize(
    ("flags", "kind"),
    [(("--port", "x"), "failed"), (("--uds", "/run/v.sock"), "unknown"), (("--config", "/etc/v.yaml"), "unknown")],
)
def test_an_address_that_cannot_be_told(flags: tuple[str, ...], kind: str) -> None:
    found = ENGINE.address(("vllm", "serve", "m", *flags), {})
    assert isinstance(found, Missing)
    assert found.kind == kind


@pytest.mark.parametrize("argv", [("vllm", "bench"), ("vllm",), ("VLLM::EngineCore",), ("python3", "vllm.py")])
def test_other_commands(argv: tuple[str, ...]) -> None:
    assert not ENGINE.resembles(argv)


def judged(*flags: str, version: str = "0.32.0", **environment: str) -> dict[str, Effective]:
    """The verdicts on a running server."""
    process = process_of("vllm", "serve", "/m/a", *flags, environment={"PATH": "/bin", **environment})
    return {one.name: one for one in ENGINE.effective(process, (), version, {})}


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("VLLM_CPU_KVCACHE_SPACE", "4", ""),
        ("VLLM_CPU_KVCACHE_SPACE", "0.5", "malformed"),
        ("VLLM_SERVER_DEV_MODE", "true", "malformed"),
        ("VLLM_SERVER_DEV_MODE", "1", ""),
        ("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "true", ""),
        ("VLLM_PORT", "tcp://10.0.0.1:8000", "malformed"),
        ("VLLM_LOGGING_LEVEL", "LOUD", "malformed"),
        ("VLLM_GPU_MEMORY_UTILIZATION", "0.5", "unread"),
        ("VLLM_USE_V1", "1", "unread"),
        ("VLLM_USE_DEEP_GEMM", "1", None),
        ("HF_HOME", "~/hf", "malformed"),
    ],
)
def test_variables(name: str, value: str, kind: str | None) -> None:
    found = judged(**{name: value})
    if kind is None:
        assert name not in found
    else:
        assert found[name].kind == kind, found[name]


def test_a_variable_that_an_older_release_reads() -> None:
    assert judged(version="0.9.2", VLLM_USE_V1="1")["VLLM_USE_V1"].kind == ""
    assert judged(version="", VLLM_USE_V1="1")["VLLM_USE_V1"].kind == ""


def test_flags() -> None:
    found = judged("--max-model-len", "25.6k", "--enforce-eager", "-tp", "2", "--gpu-memory-utilization", "0,9")
    assert found["--model"].value == "/m/a"
    assert (found["--max-model-len"].value, found["--max-model-len"].kind) == ("25.6k", "")
    assert found["--enforce-eager"].value == "true"
    assert found["--tensor-parallel-size"].value == "2"
    assert found["--gpu-memory-utilization"].kind == "malformed"


def test_the_log_tells_arguments_and_what_nobody_reads() -> None:
    found = {one.name: one for one in ENGINE.effective(absent("hidden"), START, "", {})}
    assert (found["--port"].value, found["--port"].origin) == ("8001", "log")
    assert found["--model"].value == "/m/a"
    assert found["--served-model-name"].value == "tiny small"
    assert found["--enforce-eager"].value == "true"
    assert found["VLLM_GPU_MEMORY"].kind == "unread"


def test_arguments_that_are_no_literals() -> None:
    line = "non-default args: {'port': 8001, 'model': 'a/b', 'kv_transfer_config': Config(x={'y': 1}), 'seed': None}"
    found = parse_arguments(line)
    assert (found["--port"], found["--model"]) == ("8001", "a/b")
    assert parse_arguments("non-default args: {") == {}
    assert parse_arguments("non-default args: {" * 1000) == {}
    assert parse_arguments("nothing") == {}


def test_the_memory_that_a_model_took() -> None:
    lines = [
        "[gpu.py:1] Starting to load model /m/a...",
        "[gpu.py:2] Model loading took 14.25 GiB memory and 3.1 seconds",
    ]
    found = ENGINE.placement(lines)
    assert [(one.model, one.gpu_bytes) for one in found] == [("/m/a", int(14.25 * 1024**3))]


def test_children() -> None:
    assert ENGINE.child_model(("VLLM::EngineCore",)) == ""
    assert ENGINE.child_model(("VLLM::Worker_TP0",)) == ""
    assert isinstance(ENGINE.child_model(("VLLM::APIServer_1",)), Missing)


@pytest.mark.parametrize(
    ("model", "environment", "store"),
    [
        ("/m/a", {}, "/m/a"),
        ("./a", {}, "/srv/a"),
        ("a.gguf", {}, "/srv/a.gguf"),
        ("me/a", {"HOME": "/root"}, "/root/.cache/huggingface/hub/models--me--a"),
        ("me/a", {"HF_HOME": "/hf"}, "/hf/hub/models--me--a"),
        ("me/a", {"HF_HUB_CACHE": "/hub"}, "/hub/models--me--a"),
        ("me/a", {}, ""),
    ],
)
def test_where_the_weights_are(model: str, environment: dict[str, str], store: str) -> None:
    process = process_of("vllm", "serve", model, environment={"PATH": "/bin", **environment}, cwd="/srv")
    assert ENGINE.store(process, site_of("vllm", "http://x")) == store


def safetensors(size: int = 16) -> bytes:
    """A file with one tensor."""
    head = json.dumps({"__metadata__": {}, "w": {"dtype": "F32", "shape": [4], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(head)) + head + b"\0" * size


async def test_a_whole_folder() -> None:
    node = RecordedNode()
    node.files.put("/m/config.json", "{}")
    node.files.put("/m/model.safetensors", safetensors())
    found = await ENGINE.entries("/m", node)
    assert not isinstance(found, Missing)
    assert {(one.path, one.role, one.problem) for one in found} == {
        ("/m/config.json", "config", ""),
        ("/m/model.safetensors", "weights", ""),
    }


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"config.json": "{}", "model.safetensors": safetensors()[:-1]}, ("/m/model.safetensors", "truncated")),
        ({"config.json": "{}", "model.safetensors": safetensors()[:30]}, ("/m/model.safetensors", "truncated")),
        ({"config.json": "{}", "model.safetensors": b""}, ("/m/model.safetensors", "empty")),
        (
            {"config.json": "{}", "model.safetensors": b"version https://git-lfs"},
            ("/m/model.safetensors", "not-a-model"),
        ),
        ({"config.json": "{", "model.safetensors": safetensors()}, ("/m/config.json", "not-a-model")),
        ({"model.safetensors": safetensors()}, ("/m/config.json", "missing")),
        ({"config.json": "{}"}, ("/m/model.safetensors", "missing")),
        (
            {"config.json": "{}", "model.safetensors.index.json": '{"weight_map": {"w": "b.safetensors"}}'},
            ("/m/b.safetensors", "missing"),
        ),
    ],
)
async def test_a_broken_folder(files: dict[str, str | bytes], told: tuple[str, str]) -> None:
    node = RecordedNode()
    for name, content in files.items():
        node.files.put(f"/m/{name}", content)
    found = await ENGINE.entries("/m", node)
    assert not isinstance(found, Missing)
    assert told in {(one.path, one.problem) for one in found}


async def test_the_hubs_cache() -> None:
    node = RecordedNode()
    root = "/hub/models--me--a"
    node.files.put(f"{root}/refs/main", "abc")
    node.files.put(f"{root}/snapshots/abc/config.json", "{}")
    node.files.put(f"{root}/snapshots/abc/model.safetensors", safetensors())
    node.files.put(f"{root}/snapshots/zzz/config.json", "broken")
    found = await ENGINE.entries(root, node)
    assert not isinstance(found, Missing)
    assert {one.path for one in found} == {
        f"{root}/snapshots/abc/config.json",
        f"{root}/snapshots/abc/model.safetensors",
    }


async def test_sleep_is_told_by_the_metric_where_development_paths_are_closed(transport: LocalTransport) -> None:
    for switches in ((), ("dev",)):
        async with FakeEngine("vllm", switches=switches) as fake:
            await fake.set_fault(Fault.ASLEEP)
            site = site_of("vllm", fake.url)
            health = await ENGINE.health(site, transport)
            assert (health.state, health.http_status) == ("asleep", 200)
            assert await ENGINE.loaded(site, transport) == ()
            assert {request.method for request in fake.requests} == {"GET"}


async def test_a_closed_port_with_a_live_process_may_be_a_start(transport: LocalTransport) -> None:
    async with FakeEngine("vllm") as fake:
        await fake.set_fault(Fault.LOADING)
        process = process_of("vllm", "serve", "/m/a")
        health = await ENGINE.health(site_of("vllm", fake.url, process=process), transport)
    assert health.state == "refused"
    assert "4711" in health.said


@pytest.mark.parametrize("release", ["0.9.2", "0.32.0"])
async def test_metrics_of_both_generations(release: str, transport: LocalTransport) -> None:
    async with FakeEngine("vllm", release=release) as fake:
        fake.state.running, fake.state.served = 1, 4
        found = await ENGINE.metrics(site_of("vllm", fake.url), transport)
    assert not isinstance(found, Missing)
    assert (found["kv_cache_ratio"], found["requests_running"]) == (0.125, 1)
    assert (found["requests_total"], found["requests_failed_total"]) == (4, 0)
    assert (found["time_to_first_token_seconds_total"], found["time_to_first_token_total"]) == (1.0, 4)


async def test_a_model_under_two_names_is_loaded_once(transport: LocalTransport) -> None:
    models = (FakeModel(name="tiny"), FakeModel(name="small"))
    async with FakeEngine("vllm", models=models) as fake:
        site = site_of("vllm", fake.url)
        offered, loaded = await ENGINE.models(site, transport), await ENGINE.loaded(site, transport)
    assert not isinstance(offered, Missing)
    assert not isinstance(loaded, Missing)
    assert [one.name for one in offered] == ["tiny", "small"]
    assert [one.name for one in loaded] == ["tiny"]
    assert isinstance(loaded[0].gpu_bytes, Missing)
