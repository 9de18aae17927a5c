"""Level 3 at engines: real ones where they are well, made ones for faults that no real one has on demand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import pytest

from keepwell.core.finding import Finding, Status
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing, Seen, absent
from keepwell.core.ref import engine, service
from keepwell.core.values import text_of
from keepwell.plugins.asking import choose_models, make_ask
from keepwell.plugins.hops import find_hops
from keepwell.plugins.place import Site
from keepwell.plugins.services import ServiceWish
from keepwell.probes.engine_answer import parse_embedding
from keepwell.probes.engine_crowd import MOST
from keepwell.probes.engine_key import open_to
from keepwell.testing.engine import FakeEngine, FakeModel, Fault
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.engines.real import RealEngine, give, llama_server, make_model, ollama, skip
from tests.machines import about
from tests.probes.deep import Deep, deep
from tests.support import free_port

FINE = {
    "answer.given",
    "answer.model",
    "answer.counted",
    "answer.stays",
    "api.promises",
    "api.crowd",
    "stream.engine",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says " alpha 0001 0002 ..."."""
    return make_model(tmp_path_factory.mktemp("model") / "alpha.gguf", TinyModel(tag="alpha"))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[RealEngine]:
    """A real llama-server of two slots with everything switched on but embeddings."""
    folder = tmp_path_factory.mktemp("llama")
    flags = ("-m", str(model), "-a", "tiny-alpha", "-np", "2", "--metrics", "--slots")
    with llama_server(folder, *flags) as made:
        eventually(lambda: made.ask("/health")[0] == 200, 20.0, "the server")
        yield made


@pytest.fixture(scope="module")
def real_ollama(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[RealEngine]:
    """A real Ollama that answers two requests at once, with the model in its store."""
    with ollama(tmp_path_factory.mktemp("ollama"), OLLAMA_NUM_PARALLEL="2") as made:
        give(made, model, "tiny-alpha", num_thread=1)
        yield made


@contextmanager
def nginx(folder: Path, target: str, more: str) -> Iterator[str]:
    """A real nginx before a server."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        skip("there is no nginx")
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {target}; {more}; }} }} }}\n"
    )
    process = subprocess.Popen([program, "-e", "stderr", "-c", str(config)], stderr=subprocess.DEVNULL)
    proxied = RealEngine(url=f"http://127.0.0.1:{port}", process=process, log=config)
    try:
        eventually(lambda: proxied.ask("/v1/models")[0] == 200, 10.0, "nginx")
        yield proxied.url
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.real
async def test_a_real_llama_server_keeps_all_its_promises(llama: RealEngine) -> None:
    argv = (sys.executable, "-m", "keepwell.testing.llama_server", "-np", "2")
    async with deep("llamacpp", llama.url, argv=argv) as look:
        await look.look()
    assert look.bad() == {}
    assert look.findings().keys() >= FINE
    (row,) = look.rows("engine.answers")
    assert (row["text"], row["output_tokens"], row["finish"]) == (
        " alpha 0001 0002 0003 0004 0005 0006 0007",
        8,
        "length",
    )
    kinds = {
        text_of(one, "request").split(" ")[1].partition("?")[0].rpartition("/")[2]: one["kind"]
        for one in look.rows("engine.promises")
    }
    assert kinds["embeddings"] == "off"
    assert [kinds[name] for name in ("slots", "metrics", "props", "tokenize", "completions")] == ["kept"] * 5
    crowd = look.row("engine.crowd")
    assert (crowd["sent"], crowd["served"], crowd["limit"], crowd["asked"]) == (4, 4, 2, 2)


@pytest.mark.real
async def test_a_server_for_embeddings_alone_is_well(tmp_path: Path) -> None:
    path = make_model(tmp_path / "alpha.gguf", TinyModel(tag="alpha"))
    with llama_server(tmp_path, "-m", str(path), "--embeddings", "--set", "pooling_type=1") as made:
        eventually(lambda: made.ask("/health")[0] == 200, 20.0, "the server")
        async with deep("llamacpp", made.url) as look:
            await look.look("engine_answer")
    assert look.bad() == {}
    assert look.findings()["answer.embedding"].facts["dimensions"] == "256"


@pytest.mark.real
async def test_a_real_ollama_keeps_its_promises_and_its_model(real_ollama: RealEngine) -> None:
    async with deep("ollama", real_ollama.url) as look:
        await look.look()
    assert look.bad() == {}
    assert look.findings().keys() >= FINE | {"answer.embedding", "api.key"}
    (after,) = look.rows("engine.loaded_after")
    (listed,) = look.rows("engine.models")
    assert after["digest"] == listed["digest"]


@pytest.mark.real
async def test_a_model_that_is_to_leave_at_once_is_told(tmp_path: Path, model: Path) -> None:
    with ollama(tmp_path, OLLAMA_KEEP_ALIVE="0") as made:
        give(made, model, "tiny-alpha", num_thread=1)
        async with deep("ollama", made.url) as look:
            await look.look("engine_answer")
    assert look.bad() == {"answer.stays": "dropped"}


@pytest.mark.real
async def test_a_real_proxy_that_holds_a_stream_back_is_told(real_ollama: RealEngine, tmp_path: Path) -> None:
    """Towards nginx, which asks in HTTP/1.0 by default, Ollama cannot send chunks."""
    with nginx(tmp_path, real_ollama.url, "proxy_buffering on") as url:
        found = await through(deep("ollama", real_ollama.url), url)
    assert (found.status, found.facts["hop"]) == (Status.WARNING, "front")
    assert found.facts["kind"] in ("buffered", "blocks")


@pytest.mark.real
@pytest.mark.parametrize("buffering", ["on", "off"])
async def test_a_real_proxy_that_passes_a_stream_on_is_well(llama: RealEngine, tmp_path: Path, buffering: str) -> None:
    """Even while it buffers: bodies in chunks nginx passes on as they come."""
    more = f"proxy_buffering {buffering}; proxy_ignore_headers X-Accel-Buffering"
    with nginx(tmp_path, llama.url, more) as url:
        found = await through(deep("llamacpp", llama.url), url)
    assert (found.status, found.facts["hop"]) == (Status.OK, "front")


async def through(look_at: AbstractAsyncContextManager[Deep], url: str) -> Finding:
    """What is found about a stream through a proxy at this address."""
    async with look_at as look:
        proxy = Site(ref=service("node", "nginx"), engine="", url=url, process=absent("not of interest"))
        look.see("service.site", {"kind": "nginx", "name": "front", "url": url, "state": "running"}, proxy)
        await look.look("engine_answer", "engine_stream")
    return look.findings()["stream.hops"]


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    """A made server of the OpenAI form."""
    async with FakeEngine("openai", models=(FakeModel(words=20),)) as made:
        made.state.token_seconds = 0.01
        yield made


async def looked(fake: FakeEngine, *names: str, kind: str = "openai") -> Deep:
    """A look at a made server."""
    async with deep(kind, fake.url) as look:
        await look.look(*names)
    return look


async def test_a_model_that_is_not_the_one_asked_for_is_told(fake: FakeEngine) -> None:
    async with FakeEngine("vllm") as server:
        await server.set_fault(Fault.WRONG_MODEL)
        look = await looked(server, "engine_answer", kind="vllm")
        assert look.bad() == {"answer.model": "other-model"}
        assert look.findings()["answer.model"].facts["answered"] == "other-model"
    await fake.set_fault(Fault.WRONG_MODEL)
    assert (await looked(fake, "engine_answer")).bad() == {}, "a gateway's names stand for others"


async def test_an_engine_that_breaks_hangs_or_is_busy_is_told(fake: FakeEngine) -> None:
    await fake.set_fault(Fault.BROKEN, "/v1/chat/completions")
    look = await looked(fake)
    assert look.bad() == {"answer.given": "failed"}
    assert look.value("engine.crowd") == look.value("engine.streams")
    await fake.set_fault(Fault.MALFORMED, "/v1/chat/completions")
    assert (await looked(fake, "engine_answer")).bad() == {"answer.given": "malformed"}


async def test_a_crowd_that_is_refused_is_told(fake: FakeEngine) -> None:
    async with deep("openai", fake.url) as look:
        await look.look("engine_answer")
        await fake.set_fault(Fault.BUSY, "/v1/chat/completions")
        await look.look("engine_crowd")
    assert look.bad() == {"api.crowd": "refused"}
    sent = [one for one in fake.requests if one.path == "/v1/chat/completions"]
    assert len(sent) <= MOST + 1


async def test_a_stream_that_is_cut_is_told_and_so_is_its_promise(fake: FakeEngine) -> None:
    async with deep("openai", fake.url) as look:
        await look.look("engine_answer")
        await fake.set_fault(Fault.CUT, "/v1/chat/completions")
        await look.look("engine_stream")
    assert look.bad() == {"stream.engine": "cut"}


@pytest.mark.parametrize("kind", ["vllm", "llamacpp"])
async def test_a_path_that_lacks_is_named_with_its_request(kind: str) -> None:
    async with FakeEngine(kind) as fake:
        look = await looked(fake, "engine_answer", "engine_promises", kind=kind)
    found = look.findings()["api.promises"]
    lacking = {one["request"] for one in look.rows("engine.promises") if one["kind"] == "missing"}
    assert (found.status, found.facts["kind"]) == (Status.WARNING, "missing")
    assert found.facts["request"] in lacking
    assert found.facts["request"].startswith(f"POST {fake.url}/")


async def test_a_path_in_another_form_is_named_with_its_request() -> None:
    async with FakeEngine("ollama") as fake:
        assert (await looked(fake, "engine_answer", "engine_promises", kind="ollama")).bad() == {}
        await fake.set_fault(Fault.MALFORMED, "/api/show")
        found = (await looked(fake, "engine_answer", "engine_promises", kind="ollama")).findings()["api.promises"]
    assert (found.facts["kind"], found.facts["status"]) == ("malformed", "200")
    assert found.facts["request"].startswith(f"POST {fake.url}/api/show")


async def test_keys_asked_with_without_and_wrong() -> None:
    async with FakeEngine("vllm", api_key="secret") as fake:
        async with deep("vllm", fake.url, api_key="secret") as look:
            await look.look("engine_key")
        assert look.findings()["api.key"].facts["kind"] == "keyed"
        async with deep("vllm", fake.url, api_key="stale") as look:
            await look.look("engine_key")
        assert look.bad() == {"api.key": "key-refused"}
        assert "secret" not in str(look.seen)
        fake.state.api_key = ""
        async with deep("vllm", fake.url, api_key="secret") as look:
            await look.look("engine_key")
        assert look.bad() == {"api.key": "not-asked"}


async def test_an_engine_in_no_state_to_answer_is_not_asked(fake: FakeEngine) -> None:
    await fake.set_fault(Fault.BROKEN)
    look = await looked(fake)
    assert not [one for one in fake.requests if one.method == "POST"]
    assert isinstance(look.value("engine.answers"), Missing)
    assert look.bad() == {}


def test_models_in_memory_are_asked_else_the_smallest() -> None:
    ref = engine("node", "made")
    offered = (
        {"name": "big", "size_bytes": 9, "status": ""},
        {"name": "small", "size_bytes": 3, "status": ""},
        {"name": "gone", "size_bytes": 1, "status": "failed"},
        {"name": "far", "size_bytes": 1, "status": "remote at x"},
        {"name": "unknown", "size_bytes": 0, "status": ""},
    )
    models = about("engine.models", offered, subject=ref)
    assert choose_models(Seen([models]), ref) == ("small",)
    rows = tuple({"name": name, "context_tokens": 4096, "expires_at": 500.0} for name in "abcd")
    loaded = about("engine.loaded", rows, subject=ref)
    assert choose_models(Seen([models, loaded]), ref) == ("a", "b", "c")
    assert choose_models(Seen(), ref) == ()
    ask = make_ask(Seen([loaded]), ref, "a", tokens=8, now=400.0)
    assert (ask.context_tokens, ask.keep_seconds) == (4096, 100.0)
    for_ever = make_ask(
        Seen([about("engine.loaded", ({"name": "a", "expires_at": 1e10},), subject=ref)]), ref, "a", tokens=8, now=0.0
    )
    assert for_ever.keep_seconds == -1.0


@pytest.mark.parametrize(
    ("asked", "answered", "same"),
    [("llama3", "llama3:latest", True), ("/m/Tiny.gguf", "tiny", True), ("a", "b", False), ("", "", False)],
)
def test_names_of_one_model(asked: str, answered: str, same: bool) -> None:
    assert same_model(asked, answered) is same


@pytest.mark.parametrize(
    ("listening", "reach"),
    [
        ((), ""),
        (("127.0.0.1:1", "[::1]:1"), "local"),
        (("0.0.0.0:1",), "network"),
        (("192.168.1.4:1", "127.0.0.1:1"), "network"),
        (("8.8.8.8:1",), "internet"),
    ],
)
def test_who_can_reach_an_address(listening: tuple[str, ...], reach: str) -> None:
    assert open_to(listening) == reach


def test_embeddings() -> None:
    assert parse_embedding(b'{"model": "m", "data": [{"embedding": [0.5, 1]}]}')["embedding_dimensions"] == 2
    for body in (b"x", b"{}", b'{"data": [{"embedding": [0, 0]}]}', b'{"data": [{"embedding": ["a"]}]}'):
        assert parse_embedding(body)["embedding_state"] == "malformed"


def test_what_may_lie_before_an_engine() -> None:
    ref = engine("node", "made")
    front, other = service("node", "front"), engine("node", "openai:4000")
    seen = Seen(
        [
            about("engine.site", {"url": "http://127.0.0.1:7000", "title": "Made"}, subject=ref),
            about("engine.models", ({"name": "tiny"},), subject=ref),
            about("engine.process", {"pid": 7}, subject=ref),
            about("service.site", {"name": "front", "url": "http://127.0.0.1:80/", "pid": 9}, subject=front),
            about("service.links", ({"target": str(ref)},), subject=front),
            about("host.sockets", ({"pid": 9, "port": 80}, {"pid": 9, "port": 8443}, {"pid": 7, "port": 7000})),
            about("engine.site", {"url": "http://127.0.0.1:4000", "title": "Gateway"}, subject=other),
            about("engine.models", ({"name": "tiny"}, {"name": "more"}), subject=other),
        ]
    )
    wish = ServiceWish(name="front", url="http://127.0.0.1:80", api_key="key")
    hops = find_hops(seen, ref, [wish])
    assert [(one.name, one.url, one.api_key, one.sure) for one in hops] == [
        ("front", "http://127.0.0.1:80", "key", True),
        ("front at port 8443", "http://127.0.0.1:8443", "", False),
        ("Gateway", "http://127.0.0.1:4000", "", False),
    ]
