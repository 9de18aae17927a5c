"""llama.cpp's server: flags and variables, the router, what a GGUF's header promises, and the no-wake rule."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from keepwell.core.observation import Missing, absent
from keepwell.engines.llamacpp import ENGINE
from keepwell.plugins.engine import Effective, Identity
from keepwell.testing.engine import FakeEngine, FakeModel, Fault
from keepwell.testing.node import RecordedNode
from keepwell.transport.local import LocalTransport
from tests.engines.kit import lines_of, process_of, site_of

SERVER = "/usr/bin/llama-server"


@pytest.mark.parametrize(
    ("argv", "environment", "address"),
    [
        ((SERVER, "-m", "a.gguf"), {}, ("127.0.0.1", 8080)),
        ((SERVER, "--port", "9000", "--host", "0.0.0.0"), {}, ("0.0.0.0", 9000)),
        ((SERVER, "--port=9000"), {"LLAMA_ARG_PORT": "9001"}, ("127.0.0.1", 9000)),
        ((SERVER,), {"LLAMA_ARG_PORT": "9001", "LLAMA_ARG_HOST": "::"}, ("::", 9001)),
        ((SERVER, "--host", "10.0.0.1,127.0.0.1"), {}, ("10.0.0.1", 8080)),
        ((SERVER, "-fa", "--port", "9002"), {}, ("127.0.0.1", 9002)),
        (("python3", "-m", "keepwell.testing.llama_server", "a.gguf", "--port", "9003"), {}, ("127.0.0.1", 9003)),
    ],
)
def test_the_address(argv: tuple[str, ...], environment: dict[str, str], address: tuple[str, int]) -> None:
    assert ENGINE.address(argv, environment) == address


@pytest.mark.parametrize(("flag", "kind"), [("99999", "failed"), ("http", "failed"), ("", "failed"), ("0", "failed")])
def test_a_malformed_port(flag: str, kind: str) -> None:
    found = ENGINE.address((SERVER, f"--port={flag or ' '}"), {})
    assert isinstance(found, Missing)
    assert found.kind == kind


def test_a_socket_is_no_address() -> None:
    found = ENGINE.address((SERVER, "--host", "/run/llama.sock"), {})
    assert isinstance(found, Missing)
    assert found.kind == "absent"


def judged(argv: tuple[str, ...], environment: dict[str, str]) -> dict[str, Effective]:
    """The verdicts on a running server."""
    process = process_of(SERVER, *argv, environment={"PATH": "/bin", **environment})
    return {one.name: one for one in ENGINE.effective(process, (), "b11434", {})}


@pytest.mark.parametrize(
    ("name", "value", "kind", "suggested"),
    [
        ("LLAMA_ARG_CTX_SIZE", "8192", "", ""),
        ("LLAMA_ARG_CTX_SIZE", "8k", "malformed", "8192"),
        ("LLAMA_ARG_CTX_SIZE", "", "malformed", "0"),
        ("LLAMA_ARG_CTX_SIZE", "many", "malformed", "0"),
        ("LLAMA_ARG_N_GPU_LAYERS", "all", "", ""),
        ("LLAMA_ARG_N_GPU_LAYERS", "-1", "", ""),
        ("LLAMA_ARG_N_PARALLEL", "-1", "", ""),
        ("LLAMA_ARG_PORT", "80a", "malformed", "8080"),
        ("LLAMA_ARG_HOST", "http://0.0.0.0:8080", "malformed", "0.0.0.0"),
        ("LLAMA_ARG_HOST", "0.0.0.0:8080", "malformed", "0.0.0.0"),
        ("LLAMA_ARG_HOST", "0.0.0.0", "", ""),
        ("LLAMA_ARG_HOST", "::1", "", ""),
        ("LLAMA_ARG_FLASH_ATTN", "yes", "malformed", "auto"),
        ("LLAMA_ARG_CACHE_TYPE_K", "q8", "malformed", "q8_0"),
        ("LLAMA_ARG_ENDPOINT_METRICS", "1", "", ""),
        ("LLAMA_ARG_ENDPOINT_METRICS", "yes", "malformed", "0"),
        ("LLAMA_ARG_MODEL", "~/a.gguf", "malformed", ""),
        ("LLAMA_ARG_MODEL", "models/a.gguf", "", ""),
        ("LLAMA_ARG_NO_KV_OFFLOAD", "1", None, ""),
        ("LLAMA_ARG_CONTEXT", "8192", "unread", ""),
    ],
)
def test_variables(name: str, value: str, kind: str | None, suggested: str) -> None:
    found = judged((), {name: value})
    if kind is None:
        assert name not in found
    else:
        assert (found[name].kind, found[name].suggested) == (kind, suggested), found[name]


def test_a_flag_comes_before_its_variable() -> None:
    found = judged(("-c", "4096", "--metrics", "-np", "2"), {"LLAMA_ARG_CTX_SIZE": "8192", "LLAMA_ARG_N_PARALLEL": "2"})
    context = found["LLAMA_ARG_CTX_SIZE"]
    assert (context.value, context.origin, context.kind) == ("4096", "argument", "shadowed")
    assert (found["LLAMA_ARG_N_PARALLEL"].value, found["LLAMA_ARG_N_PARALLEL"].kind) == ("2", "")
    assert found["LLAMA_ARG_ENDPOINT_METRICS"].value == "true"


def test_switches_that_switch_off() -> None:
    found = judged(("--no-slots", "-nkvo", "--no-host"), {})
    assert {name: one.value for name, one in found.items()} == {
        "LLAMA_ARG_ENDPOINT_SLOTS": "false",
        "LLAMA_ARG_KV_OFFLOAD": "false",
        "LLAMA_ARG_NO_HOST": "true",
    }


def test_a_key_is_a_secret_and_is_not_in_any_sentence() -> None:
    process = process_of(SERVER, "--api-key", "hidden-one", environment={"LLAMA_API_KEY": "hidden-two"})
    found = next(one for one in ENGINE.effective(process, (), "", {"LLAMA_API_KEY": "hidden-three"}))
    assert found.secret
    assert found.kind == "shadowed"
    assert "hidden" not in found.problem


def test_what_the_log_of_a_start_tells() -> None:
    process = process_of(SERVER, "-c", "1024")
    found = {one.name: one for one in ENGINE.effective(process, lines_of("llama-server-b11549-verbose.log"), "", {})}
    assert (found["n_slots"].value, found["n_ctx_slot"].value, found["n_threads"].value) == ("2", "512", "1")
    assert found["n_slots"].origin == "log"


def test_what_a_server_refused_at_its_start() -> None:
    log = [
        'error while handling environment variable "LLAMA_ARG_PORT": stoi',
        'error while handling argument "-ngl": invalid value',
        "error: invalid argument: --ctx-sise",
    ]
    found = {one.name: one for one in ENGINE.effective(absent("gone"), log, "", {"LLAMA_ARG_PORT": "abc"})}
    assert (found["LLAMA_ARG_PORT"].kind, found["LLAMA_ARG_PORT"].suggested) == ("malformed", "8080")
    assert found["LLAMA_ARG_N_GPU_LAYERS"].kind == "malformed"
    assert (found["--ctx-sise"].kind, found["--ctx-sise"].nearest) == ("unread", "--ctx-size")


def test_where_the_log_says_a_model_lies() -> None:
    found = ENGINE.placement(lines_of("llama-server-b11549-verbose.log"))
    assert [(one.model, one.gpu_bytes) for one in found] == [("alpha.gguf", 0)], "the trial load does not count"
    assert found[0].host_bytes > 6 * 1024**2


def test_children_of_a_router() -> None:
    assert ENGINE.child_model((SERVER, "--model", "/m/a.gguf", "--alias", "alpha", "--port", "4001")) == "alpha"
    assert isinstance(ENGINE.child_model((SERVER, "--models-dir", "/m")), Missing)
    assert ENGINE.runs_itself(process_of(SERVER, "-m", "a.gguf"))
    assert ENGINE.runs_itself(process_of(SERVER, environment={"LLAMA_ARG_MODEL": "a.gguf"}))
    assert not ENGINE.runs_itself(process_of(SERVER, "--models-dir", "/m"))


def test_another_engines_child_is_not_one_of_ours() -> None:
    assert not ENGINE.resembles((SERVER, "--model", "/s/blobs/sha256-00", "--port", "4001"))
    assert ENGINE.resembles((SERVER, "-m", "/m/a.gguf"))


@pytest.mark.parametrize(
    ("argv", "environment", "store"),
    [
        (("-m", "/m/a.gguf"), {}, "/m/a.gguf"),
        (("-m", "a.gguf"), {}, "/srv/a.gguf"),
        ((), {"LLAMA_ARG_MODEL": "/m/b.gguf"}, "/m/b.gguf"),
        (("--models-dir", "/m"), {}, "/m"),
        (("-hf", "me/x"), {"HOME": "/root"}, "/root/.cache/llama.cpp"),
        (("-hf", "me/x"), {"HOME": "/root", "LLAMA_CACHE": "/c"}, "/c"),
        ((), {}, ""),
    ],
)
def test_where_the_weights_are(argv: tuple[str, ...], environment: dict[str, str], store: str) -> None:
    process = process_of(SERVER, *argv, environment={"PATH": "/bin", **environment}, cwd="/srv")
    assert ENGINE.store(process, site_of("llamacpp", "http://x")) == store


def test_a_log_file_comes_first() -> None:
    site = site_of("llamacpp", "http://x", process=process_of(SERVER, "--log-file", "l.log", cwd="/srv"))
    assert ENGINE.logs(site, "linux")[0].where == "/srv/l.log"


def gguf(tensors: int = 1, items: int = 64) -> bytes:
    """A small GGUF: one key, tensors of 32-bit floats, their data."""

    def text(word: bytes) -> bytes:
        return struct.pack("<Q", len(word)) + word

    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, 1) + text(b"general.name") + struct.pack("<I", 8) + text(b"x")
    for place in range(tensors):
        head += text(b"t%d" % place) + struct.pack("<IQIQ", 1, items, 0, place * items * 4)
    head += b"\0" * (-len(head) % 32)
    return head + b"\0" * (tensors * items * 4)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda whole: whole, ""),
        (lambda whole: whole + b"more", ""),
        (lambda whole: whole[:-1], "truncated"),
        (lambda whole: whole[:40], "truncated"),
        (lambda whole: b"", "empty"),
        (lambda whole: b"GGML" + whole[4:], "not-a-model"),
        (lambda whole: b"<!doctype html>" * 10, "not-a-model"),
        (lambda whole: b"GG", "truncated"),
    ],
)
async def test_what_is_wrong_with_a_weights_file(change: object, problem: str) -> None:
    node = RecordedNode()
    node.files.put("/m/a.gguf", change(gguf(2)))  # type: ignore[operator]
    found = await ENGINE.entries("/m/a.gguf", node)
    assert not isinstance(found, Missing)
    assert [one.problem for one in found] == [problem]


async def test_a_split_model_needs_all_its_parts() -> None:
    node = RecordedNode()
    node.files.put("/m/a-00001-of-00003.gguf", gguf())
    node.files.put("/m/a-00003-of-00003.gguf", gguf())
    found = await ENGINE.entries("/m/a-00001-of-00003.gguf", node)
    assert not isinstance(found, Missing)
    assert [one.problem for one in found] == ["", "missing", ""]


async def test_a_folder_of_models() -> None:
    node = RecordedNode()
    node.files.put("/m/a.gguf", gguf())
    node.files.put("/m/b.gguf", gguf()[:-4])
    node.files.put("/m/README.md", "words")
    found = await ENGINE.entries("/m", node)
    assert not isinstance(found, Missing)
    assert [(one.path, one.problem) for one in found] == [("/m/a.gguf", ""), ("/m/b.gguf", "truncated")]
    assert isinstance(await ENGINE.entries("/nowhere", node), Missing)


async def test_a_real_tiny_model_is_whole_and_a_cut_one_is_not(tmp_path: Path, transport: LocalTransport) -> None:
    pytest.importorskip("gguf")
    from keepwell.testing.tiny_model import TinyModel, write_tiny_model

    path = write_tiny_model(tmp_path / "a.gguf", TinyModel(words=8, width=64, feed=64))
    whole = await ENGINE.entries(str(path), transport)
    assert not isinstance(whole, Missing)
    assert (whole[0].problem, whole[0].size_bytes) == ("", path.stat().st_size)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)
    cut = await ENGINE.entries(str(path), transport)
    assert not isinstance(cut, Missing)
    assert cut[0].problem == "truncated"


async def test_the_release_is_the_builds_number(transport: LocalTransport) -> None:
    for release, version in (("b11434", "b11434"), ("b0", "")):
        async with FakeEngine("llamacpp", release=release) as fake:
            found = await ENGINE.detect(fake.url, transport)
        assert isinstance(found, Identity)
        assert found.version == version


@pytest.mark.parametrize("api_key", ["", "k"])
async def test_recognised_while_it_loads(api_key: str, transport: LocalTransport) -> None:
    async with FakeEngine("llamacpp", api_key=api_key) as fake:
        await fake.set_fault(Fault.LOADING)
        assert isinstance(await ENGINE.detect(fake.url, transport), Identity)
        health = await ENGINE.health(site_of("llamacpp", fake.url), transport)
    assert (health.state, health.http_status) == ("loading", 503)
    assert health.said == "Loading model"


async def test_nothing_wakes_a_sleeping_model(transport: LocalTransport) -> None:
    async with FakeEngine("llamacpp") as fake:
        await fake.set_fault(Fault.ASLEEP)
        site = site_of("llamacpp", fake.url)
        assert await ENGINE.loaded(site, transport) == ()
        health = await ENGINE.health(site, transport)
        assert isinstance(await ENGINE.metrics(site, transport), Missing)
        await ENGINE.models(site, transport)
        assert "/slots" not in {request.path for request in fake.requests}
    assert (health.state, "sleeping" in health.said) == ("well", True)


async def test_slots_are_counted_where_metrics_are_off(transport: LocalTransport) -> None:
    async with FakeEngine("llamacpp") as fake:
        fake.state.running = 1
        assert await ENGINE.metrics(site_of("llamacpp", fake.url), transport) == {"requests_running": 1.0}


async def test_a_router(transport: LocalTransport) -> None:
    models = (
        FakeModel(name="alpha", context_tokens=4096, path="/m/alpha.gguf"),
        FakeModel(name="bra/vo", tag="bravo"),
        FakeModel(name="cold", loaded=False),
    )
    async with FakeEngine("llamacpp", models=models, switches=("router", "metrics")) as fake:
        site = site_of("llamacpp", fake.url)
        identity = await ENGINE.detect(fake.url, transport)
        assert isinstance(identity, Identity)
        found = await ENGINE.models(site, transport)
        assert not isinstance(found, Missing)
        assert [(one.name, one.status) for one in found] == [
            ("alpha", "loaded"),
            ("bra/vo", "loaded"),
            ("cold", "unloaded"),
        ]
        assert found[0].path == "/m/alpha.gguf"
        loaded = await ENGINE.loaded(site, transport)
        assert not isinstance(loaded, Missing)
        assert [(one.name, one.context_tokens, one.in_child) for one in loaded] == [
            ("alpha", 4096, True),
            ("bra/vo", 2048, True),
        ]
        readings = await ENGINE.metrics(site, transport)
        assert not isinstance(readings, Missing)
        assert readings["requests_running"] == 0
        asked = [request.query for request in fake.requests if request.path == "/metrics"]
        assert {"model": "bra/vo", "autoload": "false"} in asked, "asking must not load"
        assert (await ENGINE.health(site, transport)).said == "router: 2 of 3 models loaded"
        await fake.set_fault(Fault.DEAD)
        broken = await ENGINE.health(site, transport)
    assert broken.state == "failing"
    assert "alpha" in broken.said
