"""A real OpenSSH server on loopback, with its own keys, configuration and port; ended with the block."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from keepwell.config.model import NodeEntry

#: Where an ordinary user's PATH does not look.
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin:/usr/local/sbin"
#: Seconds for the server to listen, and to end.
START_SECONDS = 15.0
LOOK_SECONDS = 0.02
#: Debian's sshd wants this folder of root's for its first phase, and does not make it.
PRIVILEGE_FOLDER = Path("/run/sshd")

APART = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child=SIGTERM", "--")
#: The home of who logs in is an empty folder: what somebody's own shell does at its start is no part of a test.
CONFIGURATION = """\
{listen}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 500
MaxSessions 200
SetEnv HOME={folder}/home{environment}
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
{more}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sshd:
    """A running server: its process, its first port, and the folder with its keys and log."""

    pid: int
    port: int
    folder: Path
    user: str

    @property
    def key(self) -> Path:
        """The private key that may log in."""
        return self.folder / "user_key"

    @property
    def known_hosts(self) -> Path:
        """A file with this server's host key, for every address it listens on."""
        return self.folder / "known_hosts"

    @property
    def log(self) -> str:
        """What the server has said."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def logins(self) -> int:
        """How often somebody has logged in; whoever only knocks is not counted."""
        return self.log.count("Accepted publickey")

    def node(self, name: str = "far", *, port: int = 0, **fields: str | bool) -> NodeEntry:
        """The node as keepwell.toml would have it; `port` is that of a relay before it."""
        known = self.known_hosts
        if port:
            known = self.folder / f"known_hosts_{port}"
            known.write_text(f"[127.0.0.1]:{port} {(self.folder / 'host_key.pub').read_text()}")
        wanted: dict[str, str | bool] = {"key": str(self.key), "known_hosts": str(known), "user": self.user}
        wanted |= fields
        text = {name: value for name, value in wanted.items() if isinstance(value, str)}
        sudo = wanted.get("sudo") is True
        return NodeEntry(
            name=name,
            address=text.get("address", "127.0.0.1"),
            port=port or self.port,
            user=text["user"],
            key=text["key"],
            known_hosts=text["known_hosts"],
            jump=text.get("jump", ""),
            sudo=sudo,
        )


def find_sshd() -> str:
    """The path of the server's program, "" where there is none."""
    return shutil.which("sshd", path=PATH) or ""


@contextmanager
def run_sshd(
    folder: Path, *, addresses: Sequence[str] = ("127.0.0.1",), more: str = "", path: str = "", apart: bool = False
) -> Iterator[Sshd]:
    """A server on a free port (the same at every address) for as long as the block runs.

    `more` is more of its configuration, `path` the PATH of who logs in; `apart` gives it a table of processes of
    its own (root only), so that several servers on one machine do not see each other's.

    Raises FileNotFoundError where there is no sshd, RuntimeError with its log when it does not start.
    """
    program = find_sshd()
    if not program:
        raise FileNotFoundError("sshd")
    port = _free_port()
    config = write_files(folder, addresses, port, more=more, path=path)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*APART * apart, program, "-D", "-e", "-f", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _await_port(process, addresses[-1], port, folder)
        user = os.environ.get("USER") or _own_name()
        yield Sshd(pid=process.pid, port=port, folder=folder, user=user)
    finally:
        _end(process)


def write_files(folder: Path, addresses: Sequence[str], port: int, *, more: str = "", path: str = "") -> Path:
    """Make keys, known hosts and the configuration of a server at these addresses; gives the configuration's path."""
    if os.geteuid() == 0:
        PRIVILEGE_FOLDER.mkdir(mode=0o755, exist_ok=True)
    (folder / "home").mkdir(parents=True, exist_ok=True)
    _make_keys(folder, addresses, port)
    listen = "\n".join(f"ListenAddress {one}:{port}" for one in addresses)
    environment = f" PATH={path}" * bool(path)
    config = folder / "config"
    config.write_text(CONFIGURATION.format(listen=listen, folder=folder, more=more, environment=environment))
    return config


def _end(process: subprocess.Popen[bytes]) -> None:
    """The server first and then what it was started by, so that each is waited for and its seconds are counted."""
    inner = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    numbers = [process.pid]
    if "unshare" in str(process.args):
        numbers = [int(one) for one in inner.read_text().split()]
    for number in numbers:
        os.kill(number, signal.SIGTERM)
    try:
        process.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _make_keys(folder: Path, addresses: Sequence[str], port: int) -> None:
    for name in ("host_key", "user_key"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(folder / name)
        (folder / name).chmod(0o600)
        key.write_public_key(folder / f"{name}.pub")
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
    public = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text("".join(f"[{one}]:{port} {public}" for one in addresses))


def _free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _own_name() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def _await_port(process: subprocess.Popen[bytes], address: str, port: int, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"sshd did not start: {(folder / 'log').read_text(errors='replace')}")
        with closing(socket.socket()) as one:
            if one.connect_ex((address, port)) == 0:
                return
        time.sleep(LOOK_SECONDS)
