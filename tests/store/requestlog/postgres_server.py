"""A real PostgreSQL for tests: made in a folder of its own, on loopback, with a password, ended by its number."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from keepwell.testing.waiting import eventually
from tests.engines.real import skip
from tests.support import free_port

#: Where Debian keeps the programs of each release.
FOLDERS = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))[::-1]
SECONDS = 30.0


@dataclass(frozen=True)
class Server:
    """One that runs."""

    port: int
    password: str
    process: subprocess.Popen[bytes]

    def url(self, database: str, password: str = "") -> str:
        """The address of one of its databases."""
        return f"postgresql://keepwell:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def make_database(self) -> str:
        """A new one; its address."""
        name = f"d{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


def find_program(name: str) -> str:
    """Its path; the test is skipped where there is none."""
    found = shutil.which(name, path=os.pathsep.join([*FOLDERS, os.environ.get("PATH", os.defpath)]))
    if found is None:
        skip(f"no {name}: on Debian: apt install postgresql")
    return found


@contextmanager
def run_postgres() -> Iterator[Server]:
    """A server until the end; as an ordinary user where root runs the tests, since it refuses root."""
    initdb, postgres = find_program("initdb"), find_program("postgres")
    folder = Path(tempfile.mkdtemp(prefix="keepwell-postgres-", dir="/tmp"))
    who: dict[str, object] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    try:
        yield from _serve(folder, initdb, postgres, who)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path, initdb: str, postgres: str, who: dict[str, object]) -> Iterator[Server]:
    password, port = secrets.token_urlsafe(16), free_port()
    given = folder / "password"
    given.write_text(password)
    given.chmod(0o644)
    data = folder / "data"
    argv = [
        initdb,
        "-D",
        str(data),
        "-U",
        "keepwell",
        "-A",
        "scram-sha-256",
        f"--pwfile={given}",
        "--no-sync",
        "-E",
        "UTF8",
    ]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=120, cwd="/", **who)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr.decode()
    argv = [postgres, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, cwd="/", **who)  # type: ignore[call-overload]
    server = Server(port, password, process)
    try:
        eventually(lambda: _answers(server), SECONDS, "PostgreSQL to answer")
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # a fast end: connections are cut
        process.wait(SECONDS)


def _answers(server: Server) -> bool:
    try:
        psycopg.connect(server.url("postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
