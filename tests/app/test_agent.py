"""`keepwell agent`: set up, shown, printed as a unit, run and ended."""

from __future__ import annotations

import configparser
import inspect
import json
import os
import signal
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.agent import AgentOptions, check_address, find_address, render_entry, start_command
from keepwell.app.agent_unit import quote_word, render_unit
from keepwell.app.operations.agent import agent
from keepwell.config import load_config
from keepwell.core.errors import ConfigurationError
from keepwell.transport.agent.way import open_agent
from keepwell.transport.agent.words import AGENT_PORT
from tests.support import free_port


def keepwell(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "keepwell", "agent", *arguments],
        env={**os.environ, "KEEPWELL_STATE": str(state)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_it_prints_can_be_pasted_and_is_no_secret(tmp_path: Path) -> None:
    made = keepwell(tmp_path / "state", "--init", "--listen", "192.0.2.7", "--port", "9000", "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    folder = tmp_path / "state" / "agent"
    token = (folder / "token").read_text().strip()
    assert (told["schema"], told["token_file"]) == ("keepwell.agent/1", str(folder / "token"))
    assert [stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()] == [0o600] * 3
    (tmp_path / "keepwell.toml").write_text(told["entry"])
    (node,) = load_config(tmp_path / "keepwell.toml", known_engines=(), local_name="here").nodes
    assert (node.address, node.reach, node.port, node.fingerprint) == ("192.0.2.7", "agent", 9000, told["fingerprint"])
    assert node.token is not None
    again = keepwell(tmp_path / "state", "--init")
    assert again.returncode == 3
    assert "has a certificate already" in again.stderr
    shown = keepwell(tmp_path / "state", "--show")
    assert shown.returncode == 0
    assert told["fingerprint"] in shown.stdout
    assert "listens on this machine alone" in shown.stdout
    for one in (made, again, shown):
        assert token not in one.stdout + one.stderr


async def test_it_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    assert keepwell(tmp_path / "state", "--init").returncode == 0
    fingerprint = json.loads(keepwell(tmp_path / "state", "--show", "--json").stdout)["fingerprint"]
    token = (tmp_path / "state" / "agent" / "token").read_text().strip()
    for number in (signal.SIGINT, signal.SIGTERM):
        port = free_port()
        with subprocess.Popen(
            [sys.executable, "-m", "keepwell", "agent", "--port", str(port)],
            env={**os.environ, "KEEPWELL_STATE": str(tmp_path / "state")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as running:
            try:
                assert running.stdout is not None
                first = running.stdout.readline()
                assert f"listens on 127.0.0.1:{port}; it only looks" in first
                (tmp_path / "keepwell.toml").write_text(render_entry("far", "127.0.0.1", port, fingerprint))
                (node,) = load_config(tmp_path / "keepwell.toml", known_engines=(), local_name="here").nodes
                far = await open_agent(node, token)
                assert (await far.run(["uname"])).code == 0
                running.send_signal(number)
                rest = running.stdout.read()
                assert running.wait(20) == 0
                await far.close()
            finally:
                running.kill()
        assert rest == "keepwell agent has ended.\n"
        assert token not in first + rest


def test_without_an_identity_it_says_how_to_make_one(tmp_path: Path) -> None:
    ran = keepwell(tmp_path / "state")
    assert ran.returncode == 3
    assert "keepwell agent --init" in ran.stderr


def test_the_unit_is_tight_and_names_what_it_cannot_see() -> None:
    argv = start_command("/opt/a b/keepwell", AgentOptions(listen="192.0.2.7", port=9000))
    text = render_unit(argv, changes=False)
    unit = configparser.RawConfigParser(strict=False)
    unit.read_string(text)
    service = unit["Service"]
    assert service["execstart"] == '"/opt/a b/keepwell" agent --listen 192.0.2.7 --port 9000'
    assert (service["nonewprivileges"], service["protectsystem"], service["readonlypaths"]) == ("yes", "strict", "/")
    assert "CAP_SYS_ADMIN" not in service["capabilityboundingset"]
    assert "cannot see" in text
    assert start_command("/k", AgentOptions(every_seconds=5.0))[-2:] == ("--every", "5")
    assert "--every" not in argv
    loose = render_unit(start_command("/k", AgentOptions(allow_change=True)), changes=True)
    assert "--allow-change" in loose
    assert "CHANGES" in loose
    assert "ProtectSystem" not in loose


@given(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=12))
def test_any_printable_word_fits_on_one_line_of_a_unit(word: str) -> None:
    quoted = quote_word(word)
    plain = quoted
    if quoted.startswith('"') and quoted.endswith('"') and len(quoted) > 1:
        plain = quoted[1:-1]
    back = plain.replace("%%", "%").replace("$$", "$").replace('\\"', '"').replace("\\\\", "\\")
    assert back == word


def test_a_word_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="unit file"):
        quote_word("a\nb")


@pytest.mark.parametrize("listen", ["gpu01", "", "0.0.0.0:80", "localhost"])
def test_it_listens_on_an_address_not_on_a_name(listen: str) -> None:
    with pytest.raises(ConfigurationError, match="not an IP address"):
        check_address(listen)


def test_the_address_for_others_is_told_where_it_is_known() -> None:
    assert find_address("192.0.2.7") == "192.0.2.7"
    assert find_address("0.0.0.0")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_the_entry_is_toml_whatever_the_name(name: str) -> None:
    (entry,) = tomllib.loads(render_entry(name, "::1", AGENT_PORT, "ab" * 32))["node"]
    assert entry["name"] == name
    assert "port" not in entry


def test_the_usual_port_is_the_one_in_the_help() -> None:
    assert inspect.signature(agent).parameters["port"].default == AGENT_PORT
