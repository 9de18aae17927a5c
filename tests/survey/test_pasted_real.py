"""What this machine's own programs print, and a real server: read as they are, compared with what is known."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from keepwell.core.ref import node
from keepwell.core.values import find_number, rows_of, text_of
from keepwell.survey.pasted import NODE, PastedLook, look_at_text
from keepwell.testing.tiny_model import TinyModel
from keepwell.testing.waiting import eventually
from tests.engines.real import PATIENCE, llama_server, make_model

HERE = node(NODE)


def paste(*commands: str) -> str:
    """What the programs print, each below its command; skipped where one is not installed."""
    parts = []
    for command in commands:
        if shutil.which(command.split()[0]) is None:
            pytest.skip(f"{command.split()[0]} is not installed")
        ran = subprocess.run(command.split(), capture_output=True, text=True, timeout=20, check=False)
        parts.append(f"$ {command}\n{ran.stdout}{ran.stderr}")
    return "\n".join(parts)


def rows(look: PastedLook, name: str) -> list[dict[str, str]]:
    """The rows of an observation of the made-up machine, as texts."""
    return [{key: text_of(row, key) for key in row} for row in rows_of(look.seen.value(HERE, name))]


@pytest.mark.parametrize("command", ["df", "df -h", "df -k -T"])
def test_df(command: str) -> None:
    look = look_at_text(paste(command))
    root = next(row for row in rows(look, "host.mounts") if row["path"] == "/")
    known = os.statvfs("/")
    assert float(root["total_bytes"]) == pytest.approx(known.f_blocks * known.f_frsize, rel=0.02)
    assert float(root["free_bytes"]) == pytest.approx(known.f_bavail * known.f_frsize, rel=0.05)


@pytest.mark.parametrize("command", ["mount", "cat /proc/mounts"])
def test_mount(command: str) -> None:
    look = look_at_text(paste(command))
    found = {row["path"] for row in rows(look, "host.mounts")}
    assert "/" in found
    assert "/proc" not in found


def test_ls_and_uname() -> None:
    look = look_at_text(paste("ls -ld /tmp /etc", "uname -a", "uname -r"))
    paths = {row["path"]: row for row in rows(look, "text.paths")}
    assert paths["/etc"]["owner"] == Path("/etc").owner()
    assert paths["/tmp"]["mode"].startswith("d")
    assert {row["version"] for row in rows(look, "text.versions")} == {os.uname().release}


def test_free() -> None:
    look = look_at_text(paste("free"))
    total = find_number(look.seen.value(HERE, "host.memory_total_bytes"))
    assert total == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_an_environment_is_no_setting_of_a_server() -> None:
    look = look_at_text(paste("env"))
    assert {row["where"] for row in rows(look, "text.settings")} <= {"environment"}
    assert look.findings == ()


def test_all_at_once_gives_no_finding() -> None:
    look = look_at_text(paste("df -h", "mount", "uname -a", "ls -la /", "env", "free -h"))
    assert [one.message for one in look.findings if one.bad and one.check.startswith("text.")] == []


@pytest.mark.real
def test_a_real_server_and_who_asks_it(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m.gguf", TinyModel(tag="delta", words=20, context_tokens=256))
    with llama_server(tmp_path, str(model), "-c", "256", "-np", "2", "--alias", "tiny") as engine:
        eventually(lambda: engine.ask("/health")[0] == 200, PATIENCE, "the model is loaded")
        port = int(engine.url.rpartition(":")[2])
        log = "\n".join(engine.lines())
        well = look_at_text(paste(f"curl -v {engine.url}/health", "ss -ltn"))
        listed = look_at_text(paste(f"curl -s {engine.url}/v1/models"))
        refused = look_at_text(paste(f"curl -sv http://[::1]:{port}/", "ss -ltn"))
    (asked,) = [row for row in rows(well, "text.asked") if row["host"] == "127.0.0.1"]
    assert (asked["port"], asked["result"], asked["status"]) == (str(port), "answered", "200")
    assert str(port) in {row["port"] for row in rows(well, "text.listening")}
    assert [one for one in well.findings if one.bad] == []
    assert ("listed", "tiny") in {(row["kind"], row["name"]) for row in rows(listed, "text.models")}
    divided = [one.facts["kind"] for one in look_at_text(f"llama-server -c 256 -np 2\n{log}").findings if one.bad]
    assert divided == ["divided"], log
    if rows(refused, "text.asked")[0]["result"] == "refused":  # a machine without IPv6 says something else
        assert [one.facts["kind"] for one in refused.findings if one.bad] == ["family"]
