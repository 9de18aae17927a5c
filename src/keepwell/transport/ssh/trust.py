"""Which host keys are trusted, and what to say of one that is not: its fingerprint, and how to accept it."""

from __future__ import annotations

import shlex
from pathlib import Path

import asyncssh

from keepwell.core.errors import ConfigurationError, NotPermitted
from keepwell.transport.ssh.route import Host

#: Where keys are looked up when the owner names no file: the user's and the machine's.
KNOWN_HOSTS = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
#: Bytes of a file of known hosts; those of a large company are below.
KNOWN_HOSTS_BYTES = 16 * 1024 * 1024


class ShownKey:
    """The key that a server shows, if it is not among the known ones; it is never accepted here."""

    def __init__(self, node: Host) -> None:
        self.node = node
        self.shown: asyncssh.SSHKey | None = None
        self.place = ("", "", 0)

    def client(self) -> asyncssh.SSHClient:
        """For the library: somebody who notes the key and says no."""
        return _Doorkeeper(self)


class _Doorkeeper(asyncssh.SSHClient):
    def __init__(self, noted: ShownKey) -> None:
        self._noted = noted

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Called for a key that is not known."""
        self._noted.shown = key
        self._noted.place = (host, addr, port)
        return False


def find_files(node: Host) -> list[Path]:
    """The files of known hosts; the first one is where a new key belongs."""
    if node.known_hosts:
        return [Path(node.known_hosts).expanduser()]
    return [Path(name).expanduser() for name in KNOWN_HOSTS]


def load_known_hosts(node: Host) -> asyncssh.SSHKnownHosts:
    """The known keys; a file that is not there holds none. Raises ConfigurationError, NotPermitted."""
    texts: list[str] = []
    for path in find_files(node):
        try:
            with path.open("rb") as content:
                texts.append(content.read(KNOWN_HOSTS_BYTES).decode("utf-8", "replace"))
        except FileNotFoundError:
            continue
        except OSError as error:
            if node.known_hosts:
                raise NotPermitted(f"known hosts cannot be read ({error.strerror})", where=str(path)) from None
    try:
        return asyncssh.import_known_hosts("\n".join(texts))
    except ValueError as error:
        raise ConfigurationError(
            f"known hosts cannot be understood ({error})", where=str(find_files(node)[0])
        ) from None


def explain_host_key(host: ShownKey, known: asyncssh.SSHKnownHosts, said: str, command: str) -> NotPermitted:
    """Why the server is not trusted, and what to do."""
    if host.shown is None:
        return NotPermitted(f"the node's host key is not trusted ({said})", command=command)
    name, address, port = host.place
    old = asyncssh.match_known_hosts(known, name, address, port)[0]
    line = f"{_entry(name, port)} {host.shown.export_public_key().decode('ascii').strip()}"
    kind = host.shown.get_algorithm()
    file = str(find_files(host.node)[0])
    folder = shlex.quote(str(Path(file).parent))
    accept = f"mkdir -p -m 700 {folder} && " * (not Path(file).parent.exists())
    accept += f"echo {shlex.quote(line)} >> {shlex.quote(file)}"
    compare = "on the node: for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done"
    fingerprint = host.shown.get_fingerprint()
    if old:
        known_prints = ", ".join(sorted(one.get_fingerprint() for one in old))
        remove = f"ssh-keygen -f {shlex.quote(file)} -R {shlex.quote(_entry(name, port))}"
        return NotPermitted(
            f"the node's host key has CHANGED: it shows {kind} {fingerprint}, known is {known_prints}; somebody may "
            f"stand between, or the node was set up anew",
            command=command,
            hint=f"compare it {compare}; only if it is the same: {remove} && {accept}",
        )
    return NotPermitted(
        f"the node's host key is not known: {kind} {fingerprint}",
        command=command,
        hint=f"compare it {compare}; if it is the same: {accept}",
    )


def _entry(name: str, port: int) -> str:
    """How a host is written in a file of known hosts."""
    if port in (0, 22):
        return name
    return f"[{name}]:{port}"
