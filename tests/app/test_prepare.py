"""Counterparts, the memory that they need, and the files that start them."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from keepwell.app.migrating.prepare import find_models, find_taker, split_words, write_files
from keepwell.app.migrating.prepare_card import find_card, find_rights
from keepwell.app.migrating.prepare_plan import Prepared, find_most, plan_move
from keepwell.app.migrating.prepare_render import render_compose, render_environment, render_service_unit
from keepwell.app.migrating.prepare_report import Card, PreparedFile, PrepareReport
from keepwell.cli.views.migrate_prepare import render
from keepwell.core.errors import ConfigurationError, RefusedError
from keepwell.core.observation import Observation, Seen
from keepwell.core.ref import device
from keepwell.core.ref import node as node_ref
from keepwell.formats.gguf_shape import ModelShape
from keepwell.formats.startfile import parse_unit_file
from keepwell.plugins.counterpart import GIB, UNKNOWN_MODEL, MovedModel, Need, Serving, clean_name
from keepwell.plugins.engine import ModelInfo

#: A model like Llama 3.1 8B in Q4_K_M.
SHAPE = ModelShape(
    architecture="llama", layers=32, context_tokens=131072, width=4096, heads=32, kv_heads=(8,) * 32,
    key_width=128, value_width=128, vocabulary=128256, weight_bytes=4_912_000_000,
)  # fmt: skip
LLAMA = MovedModel(
    name="llama3.1:8b",
    names=("llama3.1:8b",),
    path="/store/blobs/sha256-aa",
    format="gguf",
    quantisation="Q4_K_M",
    parameters=8_030_000_000,
    table_parameters=2 * 128256 * 4096,
    weight_bytes=4_912_000_000,
    shape=SHAPE,
    context_tokens=8192,
    context_from="as it is loaded now",
    context_limit=131072,
    at_once=2,
    has_template=True,
)
CARD = Card(name="a card", memory_bytes=24 * GIB, is_gpu=True, source="here", toolkit="cuda")


def plan(to: str, *models: MovedModel, card: Card | None = CARD, form: str = "compose", **more: Any) -> PrepareReport:
    """The report for these models."""
    return plan_move(
        Prepared(
            asked_to=to, target=find_taker(to), source="engine:a/b", source_title="B", node="a", card=card,
            models=tuple((one, "") for one in models), taken=frozenset({8080}), form=form, **more,
        )
    )  # fmt: skip


def test_the_same_file_is_served() -> None:
    report = plan("llamacpp", LLAMA)
    (form,) = report.models[0].forms
    assert (form.same_file, form.model, form.fits) == (True, LLAMA.path, "yes")
    assert form.cache_bytes == 2 * GIB, "128 KiB a token, 8192 tokens, two at once"
    assert form.need_bytes == form.weight_bytes + form.cache_bytes + form.work_bytes
    (server,) = report.servers
    assert server.argv[:3] == ("llama-server", "--model", LLAMA.path)
    assert server.argv[server.argv.index("--ctx-size") + 1] == "16384", "of both slots together"
    assert server.url == "http://127.0.0.1:8081", "8080 is taken"
    assert report.exit_code == 0


def test_what_does_not_fit_is_told_with_what_would() -> None:
    long = replace(LLAMA, context_tokens=131072)
    report = plan("llamacpp", long, card=replace(CARD, memory_bytes=12 * GIB))
    (form,) = report.models[0].forms
    assert (form.fits, report.exit_code) == ("no", 2)
    assert 0 <= form.most_tokens < 131072


def test_four_bits_correspond_to_four_bits_and_no_name_is_invented() -> None:
    report = plan("vllm", LLAMA)
    first, second, itself = report.models[0].forms
    assert (first.format, first.quantisation, first.model) == ("safetensors", "AWQ or GPTQ, 4 bits", "")
    assert "does not name the repository" in first.find[0]
    rest = LLAMA.parameters - LLAMA.table_parameters
    assert first.weight_bytes == round(rest * (4 + 20 / 128) / 8) + LLAMA.table_parameters * 2
    assert second.quantisation == "FP8"
    assert (itself.same_file, itself.model) == (True, LLAMA.path)
    assert "vllm-gguf-plugin" in " ".join(itself.notes)
    assert report.servers[0].ready is False
    assert UNKNOWN_MODEL in report.servers[0].argv
    assert "NOT READY" in report.files[0].text
    assert report.exit_code == 1


def test_where_the_source_is_known_eight_bits_are_made_of_it() -> None:
    report = plan("vllm", replace(LLAMA, quantisation="Q8_0", source="owner/name"))
    form = report.models[0].forms[0]
    assert (form.quantisation, form.model, form.find) == ("FP8", "owner/name", ())
    (server,) = report.servers
    assert server.argv[:3] == ("vllm", "serve", "owner/name")
    assert server.argv[-2:] == ("--quantization", "fp8_per_tensor")
    assert server.ready


def test_a_repository_that_somebody_knows_is_taken() -> None:
    report = plan("vllm", LLAMA, repositories={"llama3.1:8b": "owner/name-awq"})
    assert report.servers[0].argv[2] == "owner/name-awq"
    assert report.servers[0].ready
    assert split_words(["a=owner/b", "c:1b"]) == {"a": "owner/b", "c:1b": ""}


def test_models_share_a_card() -> None:
    report = plan("vllm", LLAMA, replace(LLAMA, name="b", names=("b",)))
    shares = [float(one.argv[one.argv.index("--gpu-memory-utilization") + 1]) for one in report.servers]
    assert all(0 < share < 0.92 for share in shares)
    assert report.together_fits == "yes"
    assert len({one.url for one in report.servers}) == 2


def test_without_a_card_or_a_shape_nothing_is_promised() -> None:
    assert plan("llamacpp", LLAMA, card=None).models[0].forms[0].fits == "unknown"
    assert plan("llamacpp", replace(LLAMA, shape=None)).models[0].forms[0].fits == "unknown"
    assert plan("llamacpp", replace(LLAMA, shape=None)).exit_code == 1


@given(
    weights=st.integers(1, 10**12),
    work=st.integers(0, 10**10),
    token=st.integers(1, 10**7),
    usable=st.integers(0, 10**12),
    limit=st.integers(0, 10**6),
)
@settings(max_examples=100)
def test_the_longest_context_is_the_longest_that_fits(
    weights: int, work: int, token: int, usable: int, limit: int
) -> None:
    need = Need(weight_bytes=weights, cache_bytes=token, work_bytes=work, cache_token_bytes=float(token))
    most = find_most(need, 1, limit, usable)
    assert most >= 0
    assert not limit or most <= limit
    if most > 1:
        assert weights + work + most * token <= usable
    if usable >= weights + work and most != limit and most > 1:
        assert weights + work + (most + 1) * token > usable


WORDS = st.text(
    st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" $%\"'\\:#{}[]-"), min_size=1, max_size=30
)


@given(name=WORDS, path=WORDS)
@settings(max_examples=40)
def test_every_word_comes_through_both_files(name: str, path: str) -> None:
    model = replace(LLAMA, name=name, names=(name,), path=f"/{path}")
    report = plan("llamacpp", model)
    made = yaml.safe_load(report.files[0].text)
    (service,) = made["services"].values()
    words = [word.replace("$$", "$") for word in service["command"]]
    assert words[words.index("--alias") + 1] == name
    assert service["volumes"][0]["source"].replace("$$", "$") == f"/{path}"
    unit = plan("llamacpp", model, form="unit").files[0].text
    (started,) = [one for one in parse_unit_file(unit) if one.key == "ExecStart"]
    assert "\n" not in started.value


def test_a_word_that_no_file_can_hold_is_refused() -> None:
    for form in ("compose", "unit"):
        with pytest.raises(ConfigurationError, match="not a word"):
            plan("llamacpp", replace(LLAMA, name="a\nb"), form=form)


def test_what_the_compose_file_says() -> None:
    (service,) = yaml.safe_load(plan("vllm", replace(LLAMA, source="a/b", quantisation="F16")).files[0].text)[
        "services"
    ].values()
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert service["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
    assert service["env_file"][0]["required"] is False
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["ipc"] == "host"
    assert service["volumes"][0]["type"] == "volume"
    assert service["environment"]["VLLM_NO_USAGE_STATS"] == "1"


def test_a_card_of_nodes_and_groups() -> None:
    (service,) = yaml.safe_load(plan("llamacpp", LLAMA, card=replace(CARD, toolkit="rocm")).files[0].text)[
        "services"
    ].values()
    assert service["image"].endswith("server-rocm")
    assert "/dev/kfd:/dev/kfd" in service["devices"]
    assert "render" in service["group_add"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
@pytest.mark.parametrize("to", ["llamacpp", "vllm"])
def test_systemd_takes_the_unit(tmp_path: Path, to: str) -> None:
    report = plan(to, replace(LLAMA, source="a/b", quantisation="Q8_0", name="a b$%"), form="unit")
    unit = tmp_path / report.files[0].name
    text = report.files[0].text
    program = report.servers[0].argv[0]
    assert f"ExecStart={program} " in text
    unit.write_text(text.replace(f"ExecStart={program} ", "ExecStart=/bin/true "))
    ran = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    mine = [line for line in ran.stderr.splitlines() if unit.name in line]
    assert mine == [], ran.stderr
    assert ran.returncode == 0, ran.stderr


@pytest.mark.long
@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no docker")
def test_compose_takes_the_file(tmp_path: Path) -> None:
    has_compose = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=30, check=False)
    if has_compose.returncode:
        pytest.skip("docker has no compose")
    file = tmp_path / "compose.yaml"
    file.write_text(plan("llamacpp", replace(LLAMA, name="a$b")).files[0].text)
    argv = ["docker", "compose", "-f", str(file), "config", "--format", "json"]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 0, ran.stderr
    (service,) = json.loads(ran.stdout)["services"].values()
    assert "a$$b" in service["command"] or "a$b" in service["command"]


def test_files_are_never_written_over(tmp_path: Path) -> None:
    files = (PreparedFile(name="a.yaml", text="a\n"), PreparedFile(name="a.env", text="#\n", private=True))
    write_files(tmp_path / "new", files)
    assert (tmp_path / "new" / "a.yaml").read_text() == "a\n"
    assert (tmp_path / "new" / "a.env").stat().st_mode & 0o777 == 0o600
    (tmp_path / "new" / "a.yaml").unlink()
    with pytest.raises(RefusedError, match="there already"):
        write_files(tmp_path / "new", files)
    assert not (tmp_path / "new" / "a.yaml").exists(), "all or none"


def saw(name: str, value: Any, subject: Any) -> Observation:
    """Something that was seen."""
    return Observation(subject=subject, name=name, value=value, at=0.0, source="test")


def test_which_card() -> None:
    card = device("n", 0)
    identity = {"vendor": "NVIDIA", "name": "NVIDIA GeForce RTX 4090"}
    seen = Seen([saw("device.memory_total_bytes", 24 * GIB, card), saw("device.identity", identity, card)])
    node = node_ref("n")
    found = find_card("", node, seen)
    assert found is not None
    assert (found.name, found.memory_bytes, found.toolkit) == ("NVIDIA GeForce RTX 4090", 24 * GIB, "cuda")
    assert find_card("4090", node, seen) == found
    for words, memory in (("48", 48), ("16 GiB", 16), ("80GB", 80), ("A100-SXM4-80GB", 80)):
        named = find_card(words, node, Seen([]))
        assert named is not None
        assert named.memory_bytes == memory * GIB
    assert cast(Card, find_card("A100-SXM4-80GB", node, Seen([]))).toolkit == "cuda"
    with pytest.raises(ConfigurationError, match="not known"):
        find_card("RTX 9999", node, seen)
    assert find_card("", node, Seen([])) is None
    memory = find_card("", node, Seen([saw("host.memory_total_bytes", 8 * GIB, node)]))
    assert memory is not None
    assert not memory.is_gpu
    assert find_rights(memory) is None


def test_models_by_name() -> None:
    offered = (ModelInfo(name="a:latest"), ModelInfo(name="b:1b"))
    assert find_models((), offered) == offered
    assert find_models(("a", "a:latest"), offered) == offered[:1]
    with pytest.raises(ConfigurationError, match="no model 'c'"):
        find_models(("c",), offered)
    with pytest.raises(ConfigurationError, match="no models can be moved"):
        find_taker("openai")


@given(st.text(max_size=100))
@settings(max_examples=100)
def test_names_of_services(name: str) -> None:
    made = clean_name(name)
    assert made
    assert made.isascii()
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_no_secret_and_no_way_in_from_outside() -> None:
    serving = Serving(
        name="a", models=("a",), argv=("a",), port=1, image="i", image_argv=("a",), health=("CMD", "a"),
        start_seconds=1, secrets=("KEY",),
    )  # fmt: skip
    assert render_environment(serving).private
    assert "#KEY=" in render_environment(serving).text
    assert "KEY" not in render_compose([serving], None).text
    assert "EnvironmentFile=-/etc/keepwell/a.env" in render_service_unit(serving, None).text


def test_to_ollama_by_a_modelfile() -> None:
    report = plan("ollama", LLAMA, replace(LLAMA, name="b", names=("b",), context_tokens=4096))
    files = {one.name: one.text for one in report.files}
    assert files["Modelfile.llama3-1-8b"] == "FROM /store/blobs/sha256-aa\nPARAMETER num_ctx 8192\n"
    (service,) = yaml.safe_load(files["compose.yaml"])["services"].values()
    assert service["environment"]["OLLAMA_CONTEXT_LENGTH"] == "8192"
    (server,) = report.servers
    assert server.argv == ("ollama", "serve")
    assert server.afterwards[0][-4:] == ("create", "llama3.1:8b", "-f", "/Modelfile.llama3-1-8b")
    whole = replace(LLAMA, format="safetensors", quantisation="BF16", path="/models/llama")
    imported, made = plan("ollama", whole).models[0].forms
    assert (imported.same_file, imported.model) == (True, "/models/llama")
    assert (made.format, made.quantisation, made.model) == ("gguf", "BF16", "")


@pytest.mark.parametrize(
    ("kept", "kind"), [("AWQ", "Q4_K_M"), ("GPTQ", "Q4_K_M"), ("FP8", "Q8_0"), ("BF16", "BF16"), ("", "Q4_K_M")]
)
def test_what_corresponds_among_ggufs(kept: str, kind: str) -> None:
    moved = replace(LLAMA, format="safetensors", quantisation=kept, path="/models/llama")
    (form,) = plan("llamacpp", moved).models[0].forms
    assert (form.quantisation, form.model, form.format) == (kind, "", "gguf")
    assert any("convert_hf_to_gguf.py" in line for line in form.find)


def test_on_a_screen_without_control_characters() -> None:
    console = Console(width=200, highlight=False)
    odd = replace(LLAMA, said_name="a\x1b[2J", context_from="as \x1b[31mloaded")
    with console.capture() as captured:
        console.print(render(plan("vllm", odd, replace(LLAMA, name="b", names=("b",)))))
    said = captured.get()
    assert "\x1b" not in said
    assert "not ready: write the model first" in said
    assert "all together" in said
    assert "services:" in said
