"""What runs an engine, and the commands that start it again."""

from __future__ import annotations

from keepwell.core.observation import Seen, Value
from keepwell.core.ref import node
from keepwell.plugins.place import ServingProcess
from keepwell.plugins.recognise import load_engines
from keepwell.survey.serving import sort_family
from keepwell.survey.supervision import by_container, by_hand, by_unit, find_supervision, may_be_relative
from tests.machines import about

OLLAMA = load_engines()["ollama"]


def served() -> ServingProcess:
    environment = {
        "OLLAMA_HOST": "127.0.0.1:1",
        "HOME": "/home/mia",
        "PATH": "/bin",
        "OLLAMA_API_KEY": "abcdefgh12",
        "OLLAMA_MODELS": "models",
    }
    return ServingProcess(
        pid=7,
        argv=("ollama", "serve"),
        environment=environment,
        user="mia",
        uid=1,
        gid=1,
        exe="/usr/local/bin/ollama",
        cwd="/srv",
    )


def test_a_plain_process_starts_again_with_its_own_variables_and_whole_paths() -> None:
    found = by_hand(served(), OLLAMA, ["models"])
    assert found.start == (
        "env",
        "HOME=/home/mia",
        "OLLAMA_API_KEY=abcdefgh12",
        "OLLAMA_HOST=127.0.0.1:1",
        "OLLAMA_MODELS=/srv/models",
        "/usr/local/bin/ollama",
        "serve",
    )
    shown = found.shown()
    assert "abcdefgh12" not in str(shown)
    assert "exit_code" not in shown
    assert shown["restart"] == ()


def test_words_that_may_be_paths_are_told() -> None:
    found = may_be_relative(served(), OLLAMA)
    assert "models" in found
    assert "/home/mia" not in found


def test_a_unit_is_started_by_its_manager() -> None:
    row: dict[str, Value] = {
        "manager": "systemd",
        "unit": "ollama.service",
        "scope": "user",
        "fragment": "/f",
        "drop_ins": ("/d",),
        "environment_files": ("/e",),
        "active": "failed",
        "exit_code": 1,
    }
    found = by_unit(row)
    assert found.start == ("systemctl", "--user", "start", "ollama.service")
    assert found.restart == ("systemctl", "--user", "restart", "ollama.service")
    assert found.files == ("/f", "/d", "/e")
    assert (found.shown()["state"], found.shown()["exit_code"]) == ("failed", 1)


def test_a_launchd_job_and_a_container_too() -> None:
    job = by_unit({"manager": "launchd", "unit": "com.made", "scope": "gui/501", "logs": ("/l",)})
    assert job.restart == ("launchctl", "kickstart", "-k", "gui/501/com.made")
    assert [one.where for one in job.logs] == ["/l"]
    box = by_container({"name": "llm", "runtime": "podman", "gpus": "none", "state": "running"})
    assert box.restart == ("podman", "restart", "llm")
    assert box.shown()["gpus"] == "none"


def test_a_process_belongs_to_the_unit_or_container_above_it() -> None:
    rows: list[dict[str, Value]] = [
        {"pid": 1, "parent_pid": 0, "argv": ("init",)},
        {"pid": 7, "parent_pid": 1, "argv": ("sh",)},
        {"pid": 8, "parent_pid": 7, "argv": ("ollama", "serve")},
        {"pid": 9, "parent_pid": 1, "argv": ("/usr/bin/docker-proxy", "-host-port", "11434")},
    ]
    family = sort_family(rows, load_engines(), frozenset())
    unit = {"manager": "systemd", "unit": "made.service", "scope": "system", "main_pid": 7}
    box = {"name": "llm", "runtime": "docker", "state": "running", "pid": 99, "ports": ({"port": 11434},)}
    seen = Seen([about("host.units", (unit,)), about("host.containers", (box,))])
    by_parent = find_supervision(node("node"), seen, family, 8, 1)
    by_proxy = find_supervision(node("node"), seen, family, 9, 11434)
    assert by_parent is not None
    assert by_parent.unit == "made.service"
    assert by_proxy is not None
    assert (by_proxy.kind, by_proxy.unit) == ("container", "llm")
    assert find_supervision(node("node"), seen, family, 1, 1) is None
