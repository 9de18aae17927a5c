"""keepwell.toml: what is right is read whole, what is wrong is named all at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keepwell.config import (
    Config,
    DiagnoseOptions,
    EngineEntry,
    InvalidConfig,
    NodeEntry,
    Secret,
    find_config,
    load_config,
    parse_config,
)
from keepwell.config.load import CONFIG_BYTES
from keepwell.config.problems import PROBLEMS
from keepwell.core.errors import ConfigurationError

KINDS = ("ollama", "vllm", "llamacpp", "openai")
CHOICES = {"kind": set(KINDS), "service": {"grafana"}}

WHOLE = """
# everything that can be said
[[node]]
name = "gpu01"
address = "192.168.1.20"
tags = ["rack 1", "cuda"]

[[engine]]
kind = "ollama"
url = "http://127.0.0.1:11434/"

[[engine]]
node = "gpu01"
kind = "vllm"
url = "https://192.168.1.20:8000"
name = "chat"
tags = ["big"]
start = ["/opt/vllm/bin/vllm", "serve", "org/model", ""]
environment_file = "/etc/default/vllm"
log = "/var/log/vllm.log"
models_folder = "~/models"
unit = "vllm.service"
user = "vllm"
api_key = { env = "VLLM_KEY" }

[diagnose]
since = "15m"
level = 1
expect_origin = ["https://chat.lan", "app://obsidian.md"]
"""


def _parse(text: str, **options: str) -> Config:
    return parse_config(text.encode(), path=Path("keepwell.toml"), kinds=CHOICES, **options)


def _problems(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(InvalidConfig) as caught:
        _parse(text)
    return [(one.line, one.key, str(one)) for one in caught.value.problems]


def test_everything_that_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert _parse(WHOLE) == Config(
        path=Path("keepwell.toml"),
        nodes=(NodeEntry(name="gpu01", address="192.168.1.20", tags=("rack 1", "cuda")),),
        engines=(
            EngineEntry(kind="ollama", url="http://127.0.0.1:11434"),
            EngineEntry(
                node="gpu01",
                kind="vllm",
                url="https://192.168.1.20:8000",
                name="chat",
                tags=("big",),
                start=("/opt/vllm/bin/vllm", "serve", "org/model", ""),
                environment_file="/etc/default/vllm",
                log="/var/log/vllm.log",
                models_folder="/home/ann/models",
                unit="vllm.service",
                user="vllm",
                api_key=Secret(env="VLLM_KEY"),
            ),
        ),
        diagnose=DiagnoseOptions(since_seconds=900.0, level=1, expect_origin=("https://chat.lan", "app://obsidian.md")),
    )


def test_an_empty_file_is_fine() -> None:
    assert _parse("") == Config(path=Path("keepwell.toml"))


def test_all_mistakes_at_once_with_line_and_nearest_word() -> None:
    found = _problems(
        """\
[[nod]]
name = "x"
[[engine]]
kind = "olama"
url = "127.0.0.1:11434"
modelsfolder = "/m"
[[engine]]
kind = "vllm"
log = "vllm.log"
node = "gpu1"
start = "vllm serve"
[diagnose]
since = "soon"
level = 9
""".replace("[[nod]]", '[[node]]\nname = "gpu01"\n[[nod]]')
    )
    assert [(line, key) for line, key, _ in found] == [
        (3, "nod"),
        (6, "engine[0].kind"),
        (7, "engine[0].url"),
        (8, "engine[0].modelsfolder"),
        (9, "engine[1].url"),
        (11, "engine[1].log"),
        (12, "engine[1].node"),
        (13, "engine[1].start"),
        (15, "diagnose.since"),
        (16, "diagnose.level"),
    ]
    said = {key: text for _, key, text in found}
    assert "did you mean 'node'?" in said["nod"]
    assert "expected one of llamacpp, ollama, openai, vllm; did you mean 'ollama'?" in said["engine[0].kind"]
    assert "did you mean 'models_folder'?" in said["engine[0].modelsfolder"]
    assert "missing" in said["engine[1].url"]
    assert "an absolute path" in said["engine[1].log"]
    assert "did you mean 'gpu01'?" in said["engine[1].node"]
    assert "no shell reads it" in said["engine[1].start"]
    assert "1 basic" in said["diagnose.level"]


def test_the_message_holds_file_and_line_of_each(tmp_path: Path) -> None:
    path = tmp_path / "keepwell.toml"
    path.write_text('[diagnose]\nlevel = "2"\nsince = 0\n')
    with pytest.raises(InvalidConfig) as caught:
        load_config(path, known_engines=KINDS)
    assert str(caught.value).splitlines() == [
        f"{path}:2: diagnose.level: a text that does not fit; expected a level: 1 basic, 2 infrastructure, "
        "3 integration, 4 performance",
        f'{path}:3: diagnose.since: a number that does not fit; expected a time like "90s", "15m", "2h" or "1d", '
        "more than zero",
    ]


@pytest.mark.parametrize(
    "key", ['"sk-very-secret-value"', '{env = "sk-very-secret-value"}', '{key = "sk-very-secret-value"}']
)
def test_a_key_in_clear_is_refused_and_not_repeated(key: str) -> None:
    ((line, name, said),) = _problems(f'[[engine]]\nkind = "vllm"\nurl = "http://h:1"\napi_key = {key}\n')
    assert (line, name) == (4, "engine[0].api_key")
    assert "very-secret" not in said
    assert "{env =" in said


def test_a_login_in_an_address_is_refused() -> None:
    ((_, _, said),) = _problems('[[engine]]\nkind = "vllm"\nurl = "http://ann:pw@h:1"\n')
    assert "api_key" in said
    assert "pw" not in said


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[diagnose\n", 1, "Expected"),
        ('a = 1\nb = "open', 2, "Unterminated"),
        ("a = 1\n\na = 2\n", 3, "Cannot overwrite"),
    ],
)
def test_broken_toml_has_its_line(text: str, line: int, said: str) -> None:
    ((at, _, message),) = _problems(text)
    assert at == line
    assert said in message or "Illegal" in message


def test_bytes_that_are_no_text_have_their_line() -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_config(b"# fine\n# \xff\n", path=Path("x"), kinds=CHOICES)
    assert caught.value.problems[0].line == 2
    with pytest.raises(InvalidConfig, match="more than"):
        parse_config(b"#" * (CONFIG_BYTES + 1), path=Path("x"), kinds=CHOICES)


def test_tables_of_the_wrong_kind() -> None:
    found = _problems('diagnose = 3\nnode = {name = "x"}\nengine = [1]\n')
    assert [(line, key) for line, key, _ in found] == [(1, "diagnose"), (2, "node"), (3, "engine[0]")]


def test_what_is_declared_twice() -> None:
    text = '[[node]]\nname = "a"\n[[node]]\nname = "a"\n' + '[[engine]]\nkind = "vllm"\nurl = "http://h:1"\n' * 2
    found = _problems(text)
    assert [(line, key) for line, key, _ in found] == [(4, "node[1].name"), (10, "engine[1].url")]
    assert "line 1" in found[0][2]


def test_this_machine_needs_no_node_entry() -> None:
    text = '[[engine]]\nkind = "vllm"\nurl = "http://h:1"\nnode = "box"\n'
    assert _parse(text, local_name="box").engines[0].node == "box"
    with pytest.raises(InvalidConfig, match=r"\[\[node\]\]"):
        _parse(text)


def test_a_flood_of_mistakes_is_cut() -> None:
    with pytest.raises(InvalidConfig, match="and 30 more") as caught:
        _parse("\n".join(f"x{n} = 1" for n in range(PROBLEMS + 30)))
    assert len(caught.value.problems) == PROBLEMS + 30


def test_found_in_the_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    if not Path("/etc/keepwell/keepwell.toml").exists():
        assert find_config() is None
        assert load_config(None, known_engines=KINDS) == Config()
    (tmp_path / "config" / "keepwell").mkdir(parents=True)
    (tmp_path / "config" / "keepwell" / "keepwell.toml").write_text("[diagnose]\nlevel = 1\n")
    assert load_config(None, known_engines=KINDS).diagnose.level == 1
    (tmp_path / "keepwell.toml").write_text("[diagnose]\nlevel = 3\n")
    assert load_config(None, known_engines=KINDS).diagnose.level == 3
    (tmp_path / "keepwell.toml").chmod(0o666)
    with pytest.raises(ConfigurationError, match=r"--config keepwell\.toml"):
        load_config(None, known_engines=KINDS)
    assert load_config(tmp_path / "keepwell.toml", known_engines=KINDS).diagnose.level == 3


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_strangers_file_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keepwell.toml").write_text("")
    os.chown(tmp_path / "keepwell.toml", 4711, 0)
    with pytest.raises(ConfigurationError, match="belongs to user 4711"):
        load_config(None, known_engines=KINDS)


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.toml"):
        load_config(tmp_path / "nothing.toml", known_engines=KINDS)


def test_how_nodes_are_reached_and_what_was_decided() -> None:
    config = _parse(
        """
[[node]]
name = "gpu01"
address = "10.0.0.11"
user = "ops"
jump = "door@10.0.0.1:2222"
sudo = true

[[node]]
name = "gpu02"
address = "10.0.0.12"
reach = "agent"
fingerprint = "AA:BB:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"
token = {env = "GPU02_TOKEN"}

[[network]]
node = "gpu01"
role = "fast"
interface = "ib0"
mbit_per_s = 100000

[[service]]
name = "boards"
kind = "grafana"
node = "gpu01"
tcp = "10.0.0.11:3000"

[[decision]]
what = "CPU only"
why = "until CUDA 13 settles"
until = 2027-01-31
check = "gpu.placement"
"""
    )
    first, second = config.nodes
    assert (first.user, first.jump, first.sudo, first.reach) == ("ops", "door@10.0.0.1:2222", True, "")
    assert second.fingerprint.startswith("aabb0011")
    assert config.networks[0].mbit_per_s == 100_000
    assert config.services[0].tcp == "10.0.0.11:3000"
    assert config.decisions[0].until == "2027-01-31"


@pytest.mark.parametrize(
    "line",
    [
        '[[node]]\nname = "a"\nreach = "telnet"',
        '[[node]]\nname = "a"\nport = 70000',
        '[[node]]\nname = "a"\nfingerprint = "abc"',
        '[[node]]\nname = "a"\ntoken = "in clear"',
        '[[network]]\nnode = "nobody"\nrole = "lan"',
        '[[service]]\nname = "a"\ntcp = "::1:80"',
        '[[service]]\nname = "a"\nkind = "unheard"',
        '[[decision]]\nwhat = "x"\nwhy = "y"\nuntil = "soon"',
    ],
)
def test_what_does_not_fit_is_named(line: str) -> None:
    with pytest.raises(InvalidConfig):
        _parse(line)
