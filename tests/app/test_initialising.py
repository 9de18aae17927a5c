"""`keepwell init`: the file declares what was found, is valid, holds no secret, and replaces nothing unasked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from keepwell.app.initialising import init_here, render_found, write_new
from keepwell.app.operation import Caller
from keepwell.config import Config
from keepwell.config.load import load_config
from keepwell.config.model import NodeEntry
from keepwell.core.errors import AccessError, RefusedError
from keepwell.core.issue import Supervisor
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import engine, service
from keepwell.plugins.place import ServingProcess, Site
from keepwell.plugins.registry import names
from keepwell.survey.discover import Discovery
from keepwell.survey.survey import SurveyResult
from tests.machines import START, about

KEY = "sk-made0123456789abcdef"
PROCESS = ServingProcess(pid=7, argv=("x",), environment={}, user="ollama", uid=1, gid=1)


def site(kind: str, port: int, *start: str, supervisor: Supervisor = "process", unit: str = "") -> Site:
    return Site(
        ref=engine("node", kind),
        engine=kind,
        url=f"http://127.0.0.1:{port}",
        process=PROCESS,
        supervisor=supervisor,
        unit=unit,
        start=start,
        api_key=KEY,
    )


def result() -> SurveyResult:
    sites = (
        site("ollama", 11434, supervisor="systemd", unit="ollama.service"),
        site("llamacpp", 8080, "llama-server", "-m", 'a "b".gguf'),
        site("vllm", 8000, "vllm", "serve", "--api-key", KEY),
    )
    chat: dict[str, Value] = {
        "kind": "open_webui",
        "title": "Open WebUI",
        "url": "http://127.0.0.1:3000",
        "state": "running",
        "container": "open-webui",
    }
    seen: list[Observation] = [about("service.site", chat, subject=service("node", "open_webui"))]
    seen += [about("engine.site", {"title": one.engine, "port": 1}, subject=one.ref) for one in sites]
    seen.append(about("engine.log", {"kind": "file", "where": "/var/log/l.log"}, subject=sites[1].ref))
    return SurveyResult(
        seen=Seen(seen),
        findings=(),
        sites=sites,
        seconds=0.0,
        discovery=Discovery(sites=sites, observations=(), answers=()),
    )


def written(folder: Path, config: Config | None = None) -> tuple[str, Config]:
    text = render_found(result(), config or Config(), "node", START)
    path = folder / "keepwell.toml"
    write_new(path, text, replace=True)
    return text, load_config(path, known_engines=names("engines"), known_services=names("services"), local_name="node")


def test_what_was_found_is_declared_and_valid(tmp_path: Path) -> None:
    text, config = written(tmp_path)
    ollama, llama, vllm = config.engines
    assert (ollama.unit, ollama.start) == ("ollama.service", ())
    assert llama.start == ("llama-server", "-m", 'a "b".gguf')
    assert llama.log == "/var/log/l.log"
    assert vllm.start == ()
    (chat,) = config.services
    assert (chat.kind, chat.container, chat.url) == ("open_webui", "open-webui", "http://127.0.0.1:3000")
    assert [one.name for one in config.nodes] == ["node"]
    assert '# expect_origin = ["http://127.0.0.1:3000"]' in text


def test_no_secret_is_written(tmp_path: Path) -> None:
    text, _ = written(tmp_path)
    assert KEY not in text
    assert "holds a secret" in text


def test_what_was_declared_before_stays(tmp_path: Path) -> None:
    before = Config(nodes=(NodeEntry(name="gpu01", address="192.168.1.20", user="ops"),))
    _, config = written(tmp_path, before)
    assert config.nodes[1] == before.nodes[0]


def test_examples_in_comments_are_valid_too(tmp_path: Path) -> None:
    text, _ = written(tmp_path)
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        inside = line.startswith("# [[") or (inside and line.startswith("# "))
        lines.append(line.removeprefix("# ") if inside else line)
    path = tmp_path / "uncommented.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    config = load_config(path, known_engines=names("engines"), known_services=names("services"), local_name="node")
    assert config.networks[0].role == "fast"
    assert config.decisions[0].until == "2027-01-31"


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "keepwell.toml"
    path.write_text("mine")
    with pytest.raises(RefusedError):
        write_new(path, "new", replace=False)
    assert path.read_text() == "mine"
    write_new(path, "new", replace=True)
    assert path.read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["keepwell.toml"]


def test_a_folder_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    for replace in (False, True):
        with pytest.raises(AccessError):
            write_new(tmp_path / "no" / "keepwell.toml", "x", replace=replace)


async def test_a_real_look_gives_a_valid_file_and_refuses_a_second_time(tmp_path: Path) -> None:
    told: list[str] = []
    caller = Caller(state=tmp_path / "state", tell=told.append)
    out = str(tmp_path / "made.toml")
    report = await init_here(caller, out=out, force=False, stdout=True)
    assert told == [report.text.rstrip("\n")]
    assert not Path(out).exists()
    report = await init_here(caller, out=out, force=False, stdout=False)
    assert Path(out).read_text(encoding="utf-8") == report.text
    with pytest.raises(RefusedError):
        await init_here(caller, out=out, force=False, stdout=False)
    assert sys.getsizeof(report.text) < 100_000
