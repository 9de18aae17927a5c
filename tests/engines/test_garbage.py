"""No parser of an engine raises on what a stranger may send or write: it reads as nothing, or as a reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing, absent
from keepwell.core.text import escape_controls
from keepwell.engines.llamacpp.settings import find_address
from keepwell.engines.ollama.host import judge_host, parse_host
from keepwell.engines.ollama.log import parse_child, parse_log, parse_placement, parse_server_config
from keepwell.engines.ollama.settings import parse_duration
from keepwell.engines.ollama.store import parse_manifest
from keepwell.engines.ollama.wire import parse_time
from keepwell.engines.vllm.settings import parse_arguments
from keepwell.plugins import registry
from keepwell.plugins.ask import error_text, parse_fields, split_url
from keepwell.plugins.engine import (
    ExposesMetrics,
    Identity,
    KeepsStore,
    KnowsSettings,
    ListsModels,
    ReportsLoaded,
    RunsChildren,
    Setting,
    TellsPlacement,
)
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import Reply
from tests.engines.kit import lines_of, plug_in, process_of, site_of

NAMES = registry.names("engines")
FEW = settings(max_examples=60, deadline=None)
#: JSON of any shape, with the names that the plug-ins look for among its keys.
KEYS = st.sampled_from(
    ["models", "data", "name", "id", "error", "status", "meta", "size", "size_vram", "version", "args", "value", "role"]
) | st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())
#: Lines that begin as the plug-ins' own and go on as they like.
STARTS = st.sampled_from(
    [
        'msg="server config" env="map[',
        'msg="starting llama server" cmd="',
        "msg=offload layers.model=",
        "non-default args: {",
        "load_tensors: offloaded ",
        "llama_model_loader: loaded meta data with 3 key-value pairs from ",
        'error while handling environment variable "LLAMA_ARG_PORT": ',
        "Listening on ",
        "n_slots = ",
        "Model loading took ",
        "Unknown vLLM environment variable detected: ",
    ]
)
LINES = st.lists(st.tuples(STARTS | st.just(""), st.text(max_size=60)).map("".join), max_size=6)
WORDS = st.lists(
    st.sampled_from(["ollama", "serve", "vllm", "llama-server", "-m", "--port", "--model", "-c", "--no-slots", "-np"])
    | st.text(max_size=12),
    max_size=8,
)
VARIABLES = st.dictionaries(
    st.sampled_from(["OLLAMA_HOST", "OLLAMA_X", "LLAMA_ARG_PORT", "LLAMA_ARG_X", "VLLM_PORT", "VLLM_X", "HOME"]),
    st.text(max_size=20),
    max_size=5,
)


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(
    status=st.sampled_from([200, 200, 200, 401, 403, 404, 500, 503]), bodies=st.lists(BODIES, min_size=1, max_size=4)
)
async def test_whatever_a_server_answers(name: str, status: int, bodies: Sequence[bytes]) -> None:
    one, node, url = plug_in(name), RecordedNode(), "http://127.0.0.1:1"
    paths = ("/", "/api/version", "/api/tags", "/api/ps", "/version", "/health", "/props", "/models", "/v1/models")
    for place, path in enumerate((*paths, "/metrics", "/slots", "/is_sleeping", "/is_paused")):
        node.reply("GET", url + path, Reply(status=status, body=bodies[place % len(bodies)]))
    node.open_port("127.0.0.1", 1)
    site = site_of(name, url)
    assert isinstance(await one.detect(url, node), Identity | Missing)
    health = await one.health(site, node)
    assert health.said == escape_controls(health.said)
    if isinstance(one, ListsModels):
        models = await one.models(site, node)
        assert isinstance(models, Missing) or all(model.name for model in models)
    if isinstance(one, ReportsLoaded):
        loaded = await one.loaded(site, node)
        assert isinstance(loaded, Missing) or all(model.size_bytes >= 0 for model in loaded)
    if isinstance(one, ExposesMetrics):
        readings = await one.metrics(site, node)
        assert isinstance(readings, Missing) or all(isinstance(value, float) for value in readings.values())


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(argv=WORDS, environment=VARIABLES, lines=LINES, wished=VARIABLES, version=st.text(max_size=8))
def test_whatever_a_process_and_its_log_say(
    name: str, argv: list[str], environment: dict[str, str], lines: list[str], wished: dict[str, str], version: str
) -> None:
    one = plug_in(name)
    one.resembles(argv)
    one.address(argv, environment)
    process = process_of(*argv, environment=environment)
    if isinstance(one, KnowsSettings):
        for running in (process, absent("not running")):
            found = one.effective(running, lines, version, wished)
            assert len({effective.name for effective in found}) == len(found), "one verdict a setting"
            assert all(bool(effective.kind) == bool(effective.problem) for effective in found)
    if isinstance(one, TellsPlacement):
        assert all(placed.gpu_bytes >= 0 <= placed.host_bytes for placed in one.placement(lines))
    if isinstance(one, RunsChildren):
        one.child_model(argv)
    if isinstance(one, KeepsStore):
        one.store(process, site_of(name, "http://127.0.0.1:1"))


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(plug_in(name), KeepsStore)])
@FEW
@given(content=BODIES | st.binary(max_size=60).map(lambda rest: b"GGUF\x03\0\0\0" + rest))
async def test_whatever_lies_in_a_store(name: str, content: bytes) -> None:
    one, node = plug_in(name), RecordedNode()
    assert isinstance(one, KeepsStore)
    for path in (
        "/s/manifests/a/b/c/d",
        "/s/config.json",
        "/s/model.safetensors",
        "/s/model.safetensors.index.json",
        "/s/a.gguf",
    ):
        node.files.put(path, content)
    found = await one.entries("/s", node)
    assert isinstance(found, Missing) or all(entry.size_bytes >= 0 for entry in found)


TEXT_PARSERS: dict[str, Callable[[str], object]] = {
    "host": parse_host,
    "fault of a host": lambda text: judge_host(Setting(name="OLLAMA_HOST", kind="address"), text),
    "configuration": parse_server_config,
    "child": parse_child,
    "duration": parse_duration,
    "time": parse_time,
    "arguments": parse_arguments,
    "url": split_url,
    "port": lambda text: find_address({"LLAMA_ARG_PORT": text, "LLAMA_ARG_HOST": text}, {}),
}


@pytest.mark.parametrize("parser", TEXT_PARSERS)
@FEW
@given(text=st.tuples(STARTS | st.just(""), st.text(max_size=80)).map("".join))
def test_whatever_text(parser: str, text: str) -> None:
    TEXT_PARSERS[parser](text)


@FEW
@given(cut=st.integers(min_value=0, max_value=1200), noise=st.text(max_size=5), place=st.integers(0, 1200))
def test_a_damaged_line_of_a_real_log(cut: int, noise: str, place: int) -> None:
    line = next(line for line in lines_of("ollama-0.9.3.log") if "server config" in line)
    damaged = line[:cut] + noise + line[place:]
    parse_log([damaged])
    parse_placement([damaged])


@FEW
@given(content=BODIES)
def test_whatever_bytes(content: bytes) -> None:
    parse_fields(content)
    assert error_text(Reply(status=500, body=content)).count("\n") == 0
    entries = parse_manifest(content, "/m", "a:latest", "/b")
    assert entries[0].path == "/m"
    assert entries[0].problem in ("", "manifest-corrupt")


@FEW
@given(names=st.lists(st.from_regex(r"[A-Z][A-Z_]{0,10}", fullmatch=True), unique=True, max_size=8), data=st.data())
def test_a_configuration_line_is_read_back(names: list[str], data: st.DataObject) -> None:
    """Go sorts the names; values may hold blanks, quotes, brackets and colons, but nothing that looks like a name."""
    values = st.text(alphabet='abc /\\".:[]-\t=', max_size=12)
    wanted = {name: data.draw(values).rstrip() for name in sorted(names)}
    inner = " ".join(f"{name}:{value}" for name, value in wanted.items())
    quoted = inner.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    assert parse_server_config(f'time=x msg="server config" env="map[{quoted}]"') == wanted
