"""Ollama: OLLAMA_HOST as measured, both generations of the log, settings judged, the store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keepwell.core.observation import Missing, absent
from keepwell.engines.ollama import ENGINE
from keepwell.engines.ollama.host import parse_host
from keepwell.engines.ollama.log import parse_child, parse_log, parse_server_config
from keepwell.engines.ollama.settings import parse_duration
from keepwell.engines.ollama.store import model_name
from keepwell.engines.ollama.wire import parse_time
from keepwell.plugins.engine import Effective, Identity
from keepwell.testing.engine import FakeEngine, FakeModel, Fault
from keepwell.testing.node import RecordedNode
from keepwell.transport.local import LocalTransport
from tests.engines.kit import lines_of, process_of, site_of

NOBODY = absent("nothing serves")

#: What a real 0.9.3 bound for each value; None: it ended with "no such host".
MEASURED = {
    "127.0.0.1:99999": ("127.0.0.1", 11434),
    "127.0.0.1:abc": ("127.0.0.1", 11434),
    "http://127.0.0.1:18735/": ("127.0.0.1", 18735),
    "127.0.0.1:18735/foo": ("127.0.0.1", 18735),
    ":18735": ("0.0.0.0", 18735),
    "0.0.0.0": ("0.0.0.0", 11434),
    "not a host": None,
    "http://0.0.0.0": ("0.0.0.0", 80),
    "[::1]:18735": ("::1", 18735),
    "::1": ("::1", 11434),
    '"127.0.0.1:18735"': ("127.0.0.1", 18735),
    "127.0.0.1: 18735": ("127.0.0.1", 11434),
    "127.0.0.1;18735": None,
    "999.1.1.1:18735": None,
    "127.0.0.1:-1": ("127.0.0.1", 11434),
    "127.0.0.1:18735:99": None,
    "": ("127.0.0.1", 11434),
}


@pytest.mark.parametrize("value", MEASURED)
def test_the_address_is_what_a_real_server_bound(value: str) -> None:
    found = ENGINE.address(("ollama", "serve"), {"OLLAMA_HOST": value})
    if MEASURED[value] is None:
        assert isinstance(found, Missing)
        assert "malformed" in found.reason
    else:
        assert found == MEASURED[value]


@pytest.mark.parametrize(
    ("value", "suggested"),
    [
        ("127.0.0.1:99999", "127.0.0.1:11434"),
        ("127.0.0.1: 18735", "127.0.0.1:18735"),
        ("127.0.0.1;18735", "127.0.0.1:18735"),
        ("0.0.0.0:11434,10.0.0.1", "0.0.0.0:11434"),
        ("not a host", "127.0.0.1:11434"),
        ("https://0.0.0.0:11434", "0.0.0.0:11434"),
    ],
)
def test_a_malformed_host_comes_with_the_address_that_was_meant(value: str, suggested: str) -> None:
    found = judged("OLLAMA_HOST", value)
    assert (found.kind, found.suggested) == ("malformed", suggested)
    assert repr(value) in found.problem
    assert not parse_host(suggested).fault


@pytest.mark.parametrize(
    "value", ["0.0.0.0", "http://10.0.0.1:11434", "gpu01.lan:11434", ":8080", "[::]:11434", " ::1 "]
)
def test_a_good_host_is_fine(value: str) -> None:
    assert judged("OLLAMA_HOST", value).kind == ""


def judged(name: str, value: str, version: str = "0.9.3") -> Effective:
    """The verdict on one variable of a running server."""
    process = process_of("ollama", "serve", environment={name: value, "PATH": "/bin"})
    return next(one for one in ENGINE.effective(process, (), version, {}) if one.name == name)


@pytest.mark.parametrize(
    ("name", "value", "suggested"),
    [
        ("OLLAMA_KEEP_ALIVE", "5min", "5m"),
        ("OLLAMA_KEEP_ALIVE", "1d", "24h"),
        ("OLLAMA_KEEP_ALIVE", "forever", "5m"),
        ("OLLAMA_NUM_PARALLEL", "two", "1"),
        ("OLLAMA_NUM_PARALLEL", "-1", "1"),
        ("OLLAMA_MAX_QUEUE", "1.5", "1"),
        ("OLLAMA_CONTEXT_LENGTH", "8k", "8"),
        ("OLLAMA_SCHED_SPREAD", "off", "0"),
        ("OLLAMA_FLASH_ATTENTION", "yes", "1"),
        ("OLLAMA_GPU_OVERHEAD", "1GB", "1"),
        ("OLLAMA_KV_CACHE_TYPE", "q8", "q8_0"),
        ("OLLAMA_MODELS", "~/models", ""),
        ("OLLAMA_MODELS", "models", ""),
    ],
)
def test_malformed_values(name: str, value: str, suggested: str) -> None:
    found = judged(name, value)
    assert (found.kind, found.suggested) == ("malformed", suggested), found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OLLAMA_KEEP_ALIVE", "300"),
        ("OLLAMA_KEEP_ALIVE", "-1"),
        ("OLLAMA_KEEP_ALIVE", "1.5h"),
        ("OLLAMA_KEEP_ALIVE", "1h30m"),
        ("OLLAMA_KEEP_ALIVE", " '10m' "),
        ("OLLAMA_KEEP_ALIVE", "0"),
        ("OLLAMA_DEBUG", "2"),
        ("OLLAMA_DEBUG", "true"),
        ("OLLAMA_SCHED_SPREAD", "T"),
        ("OLLAMA_MODELS", "/srv/my models"),
        ("OLLAMA_NUM_PARALLEL", ""),
        ("CUDA_VISIBLE_DEVICES", "GPU-1"),
    ],
)
def test_good_values(name: str, value: str) -> None:
    process = process_of("ollama", "serve", environment={name: value})
    assert all(one.kind == "" for one in ENGINE.effective(process, (), "0.9.3", {}))


@pytest.mark.parametrize(
    ("name", "version", "kind", "nearest"),
    [
        ("OLLAMA_GPU_ENABLE", "0.32.15", "unread", "OLLAMA_IGPU_ENABLE"),
        ("OLLAMA_MODEL", "0.9.3", "unread", "OLLAMA_MODELS"),
        ("OLLAMA_NEW_ENGINE", "0.30.0", "unread", ""),
        ("OLLAMA_NEW_ENGINE", "0.9.3", "", ""),
        ("OLLAMA_IGPU_ENABLE", "0.9.3", "unread", ""),
        ("OLLAMA_IGPU_ENABLE", "0.30.0-rc1", "", ""),
        ("OLLAMA_INTEL_GPU", "0.12.10", "", ""),
        ("OLLAMA_INTEL_GPU", "0.12.11", "unread", ""),
        ("OLLAMA_INTEL_GPU", "", "", ""),
        ("OLLAMA_TMPDIR", "0.9.3", "unread", ""),
    ],
)
def test_a_setting_that_this_release_never_reads(name: str, version: str, kind: str, nearest: str) -> None:
    process = process_of("ollama", "serve", environment={name: "1"})
    found = next(one for one in ENGINE.effective(process, (), version, {}) if one.name == name)
    assert (found.kind, found.nearest if not kind or nearest else "") == (kind, nearest), found


def test_other_programs_variables_are_none_of_its_business() -> None:
    process = process_of("ollama", "serve", environment={"PATH": "/bin", "HOME": "/root", "MY_OLLAMA": "1"})
    assert ENGINE.effective(process, (), "0.9.3", {}) == ()


def test_intels_builds_read_one_more() -> None:
    process = process_of("ollama", "serve", environment={"OLLAMA_NUM_GPU": "0"})

    def verdicts(*log: str) -> list[str]:
        return [one.kind for one in ENGINE.effective(process, log, "0.9.3", {}) if one.name == "OLLAMA_NUM_GPU"]

    assert verdicts(*lines_of("ollama-0.32-gpu.log")) == ["unread"], "the log shows another build"
    assert verdicts(*lines_of("ollama-0.9.3.log")) == [], "the log shows Intel's"
    assert verdicts() == [], "without a log it cannot be told"


def test_what_a_start_file_asks_for_and_is_not_in_force() -> None:
    process = process_of("ollama", "serve", environment={"OLLAMA_HOST": "127.0.0.1:11434", "OLLAMA_KEEP_ALIVE": "600"})
    wished = {"OLLAMA_HOST": "0.0.0.0", "OLLAMA_KEEP_ALIVE": "10m", "OLLAMA_MODELS": "/srv/models"}
    found = {one.name: one for one in ENGINE.effective(process, (), "0.9.3", wished)}
    assert (found["OLLAMA_HOST"].kind, found["OLLAMA_HOST"].wished) == ("shadowed", "0.0.0.0")
    assert found["OLLAMA_KEEP_ALIVE"].kind == "", "10m are 600 seconds"
    assert (found["OLLAMA_MODELS"].kind, found["OLLAMA_MODELS"].wished) == ("shadowed", "/srv/models")


def test_the_log_speaks_where_the_process_cannot_be_looked_into() -> None:
    log = lines_of("ollama-0.9.3.log")
    hidden = process_of("ollama", "serve", environment={})
    wished = {"OLLAMA_KEEP_ALIVE": "420", "OLLAMA_DEBUG": "1", "OLLAMA_HOST": "0.0.0.0", "OLLAMA_NOPRUNE": "0"}
    found = {one.name: one for one in ENGINE.effective(hidden, log, "", wished)}
    assert found["OLLAMA_KEEP_ALIVE"].kind == ""
    assert found["OLLAMA_DEBUG"].kind == ""
    assert found["OLLAMA_NOPRUNE"].kind == ""
    assert found["OLLAMA_HOST"].kind == "shadowed"
    assert found["OLLAMA_MODELS"].value == "/srv/my models"


def test_values_that_the_log_says_were_thrown_away() -> None:
    log = [
        'level=WARN source=config.go:45 msg="invalid port, using default" port=abc default=11434',
        'level=WARN source=config.go:210 msg="invalid environment variable, using default" '
        "key=OLLAMA_NUM_PARALLEL value=two default=0",
    ]
    found = {one.name: one for one in ENGINE.effective(NOBODY, log, "", {})}
    assert found["OLLAMA_HOST"].kind == "malformed"
    assert (found["OLLAMA_NUM_PARALLEL"].value, found["OLLAMA_NUM_PARALLEL"].suggested) == ("two", "1")


def test_wishes_are_judged_while_nothing_runs() -> None:
    found = {
        one.name: one for one in ENGINE.effective(NOBODY, (), "", {"OLLAMA_HOST": "a b", "OLLAMA_NUM_PARALLEL": "4"})
    }
    assert (found["OLLAMA_HOST"].kind, found["OLLAMA_HOST"].origin) == ("malformed", "file")
    assert (found["OLLAMA_NUM_PARALLEL"].kind, found["OLLAMA_NUM_PARALLEL"].origin) == ("", "file")


def test_the_configuration_line_of_a_real_server() -> None:
    told = parse_log(lines_of("ollama-0.9.3.log"))
    assert (told.version, told.listening) == ("0.9.3", "127.0.0.1:18734")
    assert told.settings["OLLAMA_MODELS"] == "/srv/my models"
    assert told.settings["OLLAMA_HOST"] == "http://127.0.0.1:18734"
    assert told.settings["HTTPS_PROXY"] == "http://u:p@proxy:3128"
    assert told.settings["OLLAMA_ORIGINS"].startswith("[http://a.example http://b.example ")
    assert told.settings["OLLAMA_ORIGINS"].endswith("vscode-file://*]")
    assert told.settings["OLLAMA_SCHED_SPREAD"] == "false"
    assert told.settings["no_proxy"] == ""
    child = next(iter(told.children.values()))
    assert child["--model"].startswith("/srv/my models/blobs/sha256-")
    assert (child["--ctx-size"], child["--no-mmap"], child["--port"]) == ("4096", "", "45807")


def test_the_configuration_line_of_the_newer_generation() -> None:
    log = lines_of("ollama-0.32-gpu.log")
    found = {one.name: one.value for one in ENGINE.effective(NOBODY, log, "", {})}
    assert found["OLLAMA_HOST"] == "http://0.0.0.0:11434"
    assert found["child -c"] == "8192"
    assert found["child --model"] == "/usr/share/ollama/.ollama/models/blobs/sha256-00aa"
    assert found["child --no-webui"] == ""


def test_odd_values_in_the_configuration_line() -> None:
    line = (
        r'msg="server config" env="map[OLLAMA_KEEP_ALIVE:5m0s OLLAMA_MODELS:/a b X_Y:z \"q\" \\t '
        r'OLLAMA_ORIGINS:[a b] no_proxy:x]"'
    )
    found = parse_server_config(line)
    assert found["OLLAMA_KEEP_ALIVE"] == "5m0s"
    assert found["OLLAMA_ORIGINS"] == "[a b]"
    assert found["no_proxy"] == "x"
    assert found["OLLAMA_MODELS"] == '/a b X_Y:z "q" \\t'


def test_a_configuration_line_inside_json() -> None:
    line = json.dumps({"log": 'level=INFO msg="server config" env="map[OLLAMA_DEBUG:INFO OLLAMA_MODELS:/m]"\n'})
    assert parse_server_config(line) == {"OLLAMA_DEBUG": "INFO", "OLLAMA_MODELS": "/m"}


def test_only_the_newest_start_counts() -> None:
    old, new = (f'msg="server config" env="map[OLLAMA_MODELS:{path}]"' for path in ("/old", "/new"))
    child = 'msg="starting llama-server" cmd="/x/llama-server --model /old/blobs/sha256-1 -c 1"'
    told = parse_log([old, child, new])
    assert told.settings == {"OLLAMA_MODELS": "/new"}
    assert told.children == {}
    assert parse_child("nothing of the kind") == {}


def test_where_the_log_says_a_model_lies() -> None:
    found = ENGINE.placement(lines_of("ollama-0.32-gpu.log"))
    assert len(found) == 1, "the trial before the load proper does not count"
    assert (found[0].gpu_layers, found[0].layers) == (31, 33)
    assert found[0].gpu_bytes == (4096 + 1024 + 256) * 1024**2
    assert found[0].host_bytes == (512 + 16) * 1024**2
    assert found[0].device_bytes["CUDA0"] == found[0].gpu_bytes
    real = ENGINE.placement(lines_of("ollama-0.9.3.log"))
    assert [(one.layers, one.gpu_layers, one.gpu_bytes) for one in real] == [(3, 0, 0)]
    assert real[0].host_bytes > 50 * 1024**2


def test_children_are_known() -> None:
    blob = "/srv/my models/blobs/sha256-" + "0" * 64
    assert ENGINE.child_model(("/usr/bin/ollama", "runner", "--model", blob, "--port", "1")) == blob
    assert ENGINE.child_model(("/tmp/x/runners/cpu/ollama_llama_server", "--model", blob)) == blob
    assert ENGINE.child_model(("/usr/lib/ollama/llama-server", "--model", blob, "--port", "1")) == blob
    assert isinstance(ENGINE.child_model(("/usr/bin/llama-server", "--model", "/m.gguf")), Missing)
    assert isinstance(ENGINE.child_model(("ollama", "serve")), Missing)


@pytest.mark.parametrize(
    ("argv", "is_it"),
    [
        (("/usr/local/bin/ollama", "serve"), True),
        (("ollama", "runner", "--model", "x"), False),
        (("ollama", "run", "llama3"), False),
        (("/opt/lib/ollama-lib", "serve"), True),
        (("sh", "-c", "ollama serve"), False),
    ],
)
def test_hints_by_command_line(argv: tuple[str, ...], is_it: bool) -> None:
    assert ENGINE.resembles(argv) is is_it


@pytest.mark.parametrize(
    ("process", "folder"),
    [
        (process_of("ollama", "serve", environment={"OLLAMA_MODELS": '"/srv/m"'}), "/srv/m"),
        (process_of("ollama", "serve", environment={"OLLAMA_MODELS": "m"}, cwd="/srv"), "/srv/m"),
        (process_of("ollama", "serve", environment={"HOME": "/root"}), "/root/.ollama/models"),
        (process_of("ollama", "serve", environment={}), "/usr/share/ollama/.ollama/models"),
        (process_of("ollama", "serve", environment={}, user="mia"), "/home/mia/.ollama/models"),
    ],
)
def test_where_the_store_is(process: object, folder: str) -> None:
    assert ENGINE.store(process, site_of("ollama", "http://x")) == folder  # type: ignore[arg-type]


def test_where_the_store_of_a_dead_server_is() -> None:
    for more, folder in (
        ({}, ""),
        ({"user": "ollama"}, "/usr/share/ollama/.ollama/models"),
        ({"user": "mia"}, "/home/mia/.ollama/models"),
        ({"start": ("env", "OLLAMA_MODELS=/srv/m", "ollama", "serve")}, "/srv/m"),
        ({"models_folder": "/declared", "user": "mia"}, "/declared"),
    ):
        assert ENGINE.store(NOBODY, site_of("ollama", "http://x", **more)) == folder


def test_the_journal_is_read_only_where_it_may_be_this_servers() -> None:
    alone = site_of("ollama", "http://x", process=process_of("ollama", "serve"))
    assert [source.kind for source in ENGINE.logs(alone, "linux")] == ["process"]
    assert [source.kind for source in ENGINE.logs(site_of("ollama", "http://x"), "linux")] == ["journal"]
    unit = site_of("ollama", "http://x", supervisor="systemd", unit="my-ollama.service")
    assert [source.where for source in ENGINE.logs(unit, "linux")] == ["my-ollama.service"]


def test_logs_on_a_mac() -> None:
    site = site_of("ollama", "http://x", process=process_of("ollama", "serve", environment={"HOME": "/Users/mia"}))
    places = [source.where for source in ENGINE.logs(site, "darwin")]
    assert places[0] == "/Users/mia/.ollama/logs/server.log"
    assert "/opt/homebrew/var/log/ollama.log" in places


DIGEST = "a" * 64


def manifest(**more: object) -> str:
    """A manifest as Ollama writes it."""
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{DIGEST}", "size": 10}
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": "sha256:" + "b" * 64, "size": 4}
    return json.dumps({"schemaVersion": 2, "config": config, "layers": [layer], **more})


async def test_the_store_names_every_file() -> None:
    node = RecordedNode()
    node.files.put("/m/manifests/registry.ollama.ai/library/alpha/latest", manifest())
    node.files.put("/m/manifests/hf.co/me/bravo/Q4", manifest())
    node.files.put("/m/manifests/registry.ollama.ai/stray", "not at this depth")
    found = await ENGINE.entries("/m/", node)
    assert not isinstance(found, Missing)
    rows = {(one.path, one.size_bytes, one.role, one.problem) for one in found}
    assert (f"/m/blobs/sha256-{DIGEST}", 10, "weights", "") in rows
    assert ("/m/blobs/sha256-" + "b" * 64, 4, "config", "") in rows
    assert {one.model for one in found if one.role == "manifest"} == {"alpha:latest", "hf.co/me/bravo:Q4"}


@pytest.mark.parametrize(
    "content", ["", '{"schemaVersion":', "[]", "null", manifest(layers=[]), manifest(layers=[{"digest": "sha256:x"}])]
)
async def test_a_corrupt_manifest_is_told(content: str) -> None:
    node = RecordedNode()
    path = "/m/manifests/registry.ollama.ai/library/alpha/latest"
    node.files.put(path, content)
    found = await ENGINE.entries("/m", node)
    assert not isinstance(found, Missing)
    told = next(one for one in found if one.path == path)
    assert (told.problem, told.model) == ("manifest-corrupt", "alpha:latest")
    assert told.detail


async def test_no_store_is_missing() -> None:
    found = await ENGINE.entries("/nowhere", RecordedNode())
    assert isinstance(found, Missing)
    assert found.kind == "absent"


def test_names_as_the_list_shows_them() -> None:
    assert model_name("registry.ollama.ai", "library", "llama3.2", "3b") == "llama3.2:3b"
    assert model_name("registry.ollama.ai", "me", "x", "latest") == "me/x:latest"
    assert model_name("hf.co", "me", "x", "Q4") == "hf.co/me/x:Q4"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01Z", 1.0),
        ("2026-11-22T03:05:09.691437113Z", 1795316709.691437113),
        ("2026-11-22T04:05:09+01:00", 1795316709.0),
        ("2319-01-01T00:00:00Z", 11013321600.0),
        ("0001-01-01T00:00:00Z", 0.0),
        ("yesterday", 0.0),
        ("2026-13-01T00:00:00Z", 0.0),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5m", 300), ("1h30m", 5400), ("-1", -1), ("300", 300), ("1.5h", 5400), ("0", 0), ("100ms", 0.1)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5min", "1d", "abc", "m", "5 m", "--1", "٣m", "1,5h"])
def test_no_durations(text: str) -> None:
    assert parse_duration(text) is None


async def test_the_split_between_processor_and_gpu(transport: LocalTransport) -> None:
    models = (FakeModel(name="half", gpu_ratio=0.5, size_bytes=1000), FakeModel(name="none", size_bytes=1000))
    async with FakeEngine("ollama", release="0.12.0", models=models) as fake:
        loaded = await ENGINE.loaded(site_of("ollama", fake.url), transport)
    assert not isinstance(loaded, Missing)
    assert [(one.name, one.gpu_bytes, one.context_tokens) for one in loaded] == [
        ("half:latest", 500, 2048),
        ("none:latest", 0, 2048),
    ]


async def test_older_releases_tell_no_context(transport: LocalTransport) -> None:
    async with FakeEngine("ollama", release="0.9.3") as fake:
        loaded = await ENGINE.loaded(site_of("ollama", fake.url), transport)
    assert not isinstance(loaded, Missing)
    assert loaded[0].context_tokens == 0


async def test_a_host_check_does_not_hide_the_server(transport: LocalTransport) -> None:
    async with FakeEngine("ollama") as fake:
        await fake.set_fault(Fault.FORBIDDEN)
        identity = await ENGINE.detect(fake.url, transport)
        assert isinstance(identity, Identity)
        assert identity.version == "0.9.3"
        site = site_of("ollama", fake.url)
        health = await ENGINE.health(site, transport)
        assert health.state == "well"
        assert "localhost" in health.said
        models = await ENGINE.models(site, transport)
        assert not isinstance(models, Missing)


def test_no_recorded_line_names_a_person_or_this_place() -> None:
    for path in sorted(path for path in Path(__file__).with_name("data").rglob("*") if path.is_file()):
        text = path.read_text(encoding="utf-8")
        assert "/home/" not in text
        assert "/tmp/" not in text


async def test_what_it_says_when_its_store_cannot_be_read(transport: LocalTransport) -> None:
    async with FakeEngine("ollama") as fake:
        await fake.set_fault(Fault.BROKEN)
        health = await ENGINE.health(site_of("ollama", fake.url), transport)
    assert (health.state, health.http_status) == ("failing", 500)
    assert health.said == "open /models/manifests: permission denied"
