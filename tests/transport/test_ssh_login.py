"""Who is let in and whom we trust, with real servers: every refusal says what to do, and that then works."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from keepwell.config.model import NodeEntry
from keepwell.core.errors import ConfigurationError, NotPermitted, NotThere, TimedOut, Unreachable
from keepwell.testing.relay import relay_to
from keepwell.testing.sshd import Sshd, find_sshd, run_sshd
from keepwell.testing.waiting import eventually
from keepwell.transport.ssh.connections import Connections
from keepwell.transport.ssh.line import PYTHONS, far_end_command, quote_command
from keepwell.transport.ssh.route import Host, find_route, parse_jump
from keepwell.transport.ssh.way import open_ssh
from tests.support import free_port

pytestmark = pytest.mark.skipif(not find_sshd(), reason="no sshd here")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with run_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with run_sshd(tmp_path_factory.mktemp("other")) as server:
        yield server


async def _works(server: Sshd, **fields: str | bool) -> None:
    transport = await open_ssh(server.node(**fields))
    assert await transport.read("/proc/version")
    await transport.close()


async def test_an_unknown_host_key_is_refused_and_the_hint_accepts_it(sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "not yet" / "known hosts"
    with pytest.raises(NotPermitted, match="is not known") as caught:
        await _works(sshd, known_hosts=str(known))
    printed = subprocess.run(["ssh-keygen", "-lf", str(sshd.folder / "host_key.pub")], capture_output=True, check=True)
    assert printed.stdout.split()[1].decode() in caught.value.what
    assert not known.exists()
    accept = caught.value.hint.rpartition("same: ")[2]
    subprocess.run(["sh", "-c", accept], check=True)
    await _works(sshd, known_hosts=str(known))


async def test_a_changed_host_key_is_refused_and_the_hint_replaces_it(sshd: Sshd, other: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    wrong = (other.folder / "host_key.pub").read_text()
    known.write_text(f"[127.0.0.1]:{sshd.port} {wrong}[10.9.9.9]:22 {wrong}")
    with pytest.raises(NotPermitted, match="has CHANGED") as caught:
        await _works(sshd, known_hosts=str(known))
    assert asyncssh.import_public_key(wrong).get_fingerprint() in caught.value.what
    subprocess.run(["sh", "-c", caught.value.hint.rpartition("same: ")[2]], check=True, capture_output=True)
    await _works(sshd, known_hosts=str(known))
    assert "10.9.9.9" in known.read_text()


async def test_known_hosts_that_make_no_sense(sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("@what ever it is\n")
    with pytest.raises(ConfigurationError, match="cannot be understood"):
        await _works(sshd, known_hosts=str(known))
    known.write_bytes(b"\xff\xfe\0 binary \n")
    with pytest.raises((ConfigurationError, NotPermitted)):
        await _works(sshd, known_hosts=str(known))


async def test_a_key_that_may_not_log_in(sshd: Sshd, other: Sshd) -> None:
    with pytest.raises(NotPermitted, match="login was refused") as caught:
        await _works(sshd, key=str(other.key))
    assert "ssh-copy-id" in caught.value.hint
    assert f"-p {sshd.port}" in caught.value.command


async def test_keys_that_cannot_be_used(sshd: Sshd, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "locked up", "-f", str(locked)], check=True)
    with pytest.raises(NotPermitted, match="key file") as caught:
        await _works(sshd, key=str(locked))
    assert f"ssh-add {locked}" in caught.value.hint
    (tmp_path / "garbage").write_text("no key")
    with pytest.raises(NotPermitted, match="key file"):
        await _works(sshd, key=str(tmp_path / "garbage"))
    with pytest.raises(NotThere, match="key file"):
        await _works(sshd, key=str(tmp_path / "nothing"))


async def test_a_key_of_the_agent(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(tmp_path / "agent")], stdout=subprocess.DEVNULL) as agent:
        try:
            eventually((tmp_path / "agent").exists)
            with pytest.raises(NotPermitted, match="login was refused"):
                await _works(sshd, key="")
            subprocess.run(["ssh-add", "-q", str(sshd.key)], check=True)
            await _works(sshd, key="")
        finally:
            agent.terminate()


async def test_what_the_users_own_configuration_says(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    lines = ["Host gpu01", "HostName 127.0.0.1", f"Port {sshd.port}", f"User {sshd.user}", f"IdentityFile {sshd.key}"]
    lines += ["StrictHostKeyChecking no", "UserKnownHostsFile none", "RequestTTY force"]
    (tmp_path / ".ssh" / "config").write_text("\n".join(lines))
    node = Host(name="gpu01", address="gpu01")
    with pytest.raises(NotPermitted, match="is not known") as caught:
        await open_ssh(node)
    subprocess.run(["sh", "-c", caught.value.hint.rpartition("same: ")[2]], check=True)
    transport = await open_ssh(node)
    assert await transport.read("/proc/version")
    await transport.close()


async def test_a_lost_way_through_a_jump_host_leaves_nothing_open(sshd: Sshd, other: Sshd) -> None:
    connections = Connections()
    logins = sshd.logins + 1
    async with relay_to(sshd.port) as relay:
        behind = replace(sshd.node("behind", port=relay.port), jump="gate")
        transport = await open_ssh(behind, nodes={"gate": other.node("gate")}, connections=connections)
        assert await transport.read("/proc/version")
        relay.cut()
        with contextlib.suppress(Unreachable):
            await transport.read("/proc/version")
        assert await transport.read("/proc/version")
        assert sshd.logins == logins + 1
        await transport.close()
    assert not connections.in_use


async def test_nobody_there_and_somebody_else(sshd: Sshd) -> None:
    with pytest.raises(Unreachable, match="refused"):
        await open_ssh(replace(sshd.node(), port=free_port()))
    with pytest.raises(Unreachable):
        await open_ssh(replace(sshd.node(), address="no-such-host.invalid"))
    async with relay_to(free_port()) as relay:
        with pytest.raises(Unreachable):
            await open_ssh(sshd.node(port=relay.port))


async def test_a_jump_host_by_name_and_by_address(sshd: Sshd, other: Sshd) -> None:
    behind = sshd.node("behind", jump="gate")
    gate = other.node("gate")
    logins = other.logins
    connections = Connections()
    first = await open_ssh(behind, nodes={"gate": gate}, connections=connections)
    second = await open_ssh(replace(behind, name="behind2"), nodes={"gate": gate}, connections=connections)
    assert await first.read("/proc/version") == await second.read("/proc/version")
    assert other.logins == logins + 1, "both go through one connection to the jump host"
    await first.close()
    assert await second.read("/proc/version")
    await second.close()
    both = sshd.folder / "both"
    both.write_text(sshd.known_hosts.read_text() + other.known_hosts.read_text())
    (other.folder / "authorized_keys").write_text((sshd.folder / "user_key.pub").read_text())
    jump = f"{other.user}@127.0.0.1:{other.port}"
    await _works(sshd, jump=jump, known_hosts=str(both))
    (other.folder / "authorized_keys").write_text((other.folder / "user_key.pub").read_text())
    with pytest.raises(NotPermitted, match="login was refused") as caught:
        await _works(sshd, jump=jump, known_hosts=str(both))
    assert str(other.port) in caught.value.command


def test_routes() -> None:
    one = Host(name="a", address="10.0.0.1", jump="b", key="k", known_hosts="h")
    circle = Host(name="b", address="10.0.0.2", jump="a")
    with pytest.raises(ConfigurationError, match="circle"):
        find_route(one, {"a": one, "b": circle})
    assert [host.address for host in find_route(one, {"b": replace(circle, jump="")})] == ["10.0.0.2", "10.0.0.1"]
    jump = parse_jump("me@[fd00::1]:2222", one)
    assert (jump.user, jump.address, jump.port, jump.key, jump.known_hosts) == ("me", "fd00::1", 2222, "k", "h")
    assert (parse_jump("host", one).address, parse_jump("fd00::1", one).address) == ("host", "fd00::1")
    for wrong in ("@", "me@host:0", "me@host:x", "me@:22", "host:99999"):
        with pytest.raises(ConfigurationError, match="no jump host"):
            parse_jump(wrong, one)


def test_what_is_given_to_a_login_shell_stays_whole() -> None:
    for python in PYTHONS:
        text = far_end_command(python, sudo=True, changes=True)
        assert shlex.split(text)[:3] == ["sudo", "-n", "--"]
        assert shlex.split(text)[-1] == "changes"
        assert not set(text) & set("!\\\n")
    for wrong in ("it's", "a\nb", "wow!", "back\\slash", "caf\xe9"):
        with pytest.raises(ValueError, match="shell"):
            quote_command(["echo", wrong])


async def test_a_node_without_python_and_one_that_lets_nobody_in(tmp_path: Path) -> None:
    with run_sshd(tmp_path / "none", more='ForceCommand sh -c "PATH=/nowhere; exec python3"') as server:
        with pytest.raises(NotThere, match=r"no Python 3.7.*not found") as caught:
            await _works(server)
        assert "apt install python3" in caught.value.hint
    with (
        run_sshd(tmp_path / "closed", more='ForceCommand echo "This account is not available"') as server,
        pytest.raises(NotThere, match="not available"),
    ):
        await _works(server)


@pytest.mark.skipif(not shutil.which("sudo") or os.geteuid() != 0, reason="no sudo here, or it asks for a password")
async def test_as_root_through_sudo(sshd: Sshd) -> None:
    transport = await open_ssh(sshd.node(sudo=True), changes=True)
    parents = (
        await transport.run(["sh", "-c", "cat /proc/$(ps -o ppid= $PPID | tr -d ' ')/comm; echo $SUDO_USER"])
    ).text
    assert parents.split() == ["sudo", sshd.user]
    content = bytes(range(256)) * 2000
    assert (await transport.run(["cat"], stdin=content)).stdout == content
    running = asyncio.create_task(transport.run(["sh", "-c", "echo $$ > $HOME/pid; exec sleep 60"], timeout_seconds=60))
    await transport.read("/proc/version")
    await transport.close()
    with pytest.raises(Unreachable):
        await running


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo sudo: a password is required >&2; exit 1", "password is required"), ("", "sudo: .*not found")],
)
async def test_sudo_that_refuses_says_what_to_write(tmp_path: Path, script: str, said: str) -> None:
    (tmp_path / "bin").mkdir()
    if script:
        (tmp_path / "bin" / "sudo").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / "sudo").chmod(0o755)
    with run_sshd(tmp_path / "server", path=str(tmp_path / "bin")) as server:
        with pytest.raises(NotPermitted, match=f"sudo refuses .*{said}") as caught:
            await _works(server, sudo=True)
        assert "NOPASSWD" in caught.value.hint


async def test_a_server_on_windows_is_told_apart(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    user = asyncssh.generate_private_key("ssh-ed25519")
    user.write_private_key(tmp_path / "user")
    accepted = asyncssh.import_authorized_keys(user.export_public_key().decode())
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[key],
        server_version="OpenSSH_for_Windows_9.5",
        authorized_client_keys=accepted,
        process_factory=_say_nothing,
    )
    port = server.get_port()
    (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
    node = Host(
        name="w",
        address="127.0.0.1",
        port=port,
        user="u",
        key=str(tmp_path / "user"),
        known_hosts=str(tmp_path / "known"),
    )
    with pytest.raises(NotPermitted, match="Windows"):
        await open_ssh(node)
    server.close()
    await server.wait_closed()


def _say_nothing(process: asyncssh.SSHServerProcess[bytes]) -> None:
    process.exit(0)


async def test_a_black_hole_is_given_up_in_time(sshd: Sshd) -> None:
    async with relay_to(sshd.port) as relay:
        relay.freeze()
        started = asyncio.get_running_loop().time()
        with pytest.raises(TimedOut):
            await open_ssh(sshd.node(port=relay.port), connections=Connections(connect_seconds=0.5))
        assert asyncio.get_running_loop().time() - started < 4


@pytest.mark.parametrize(
    ("address", "said", "hint"),
    [("127.0.0.1", "refused", "is an SSH server running"), ("nowhere.invalid", "not known", "give an IP address")],
)
async def test_a_way_that_is_closed_tells_what_to_look_at(address: str, said: str, hint: str) -> None:
    with pytest.raises(Unreachable, match=said) as caught:
        await open_ssh(NodeEntry(name="far", address=address, port=free_port(), user="ops"))
    assert hint in caught.value.hint
    assert caught.value.command.startswith("ssh ")
