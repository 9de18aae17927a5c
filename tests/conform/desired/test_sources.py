"""Files of a real Git repository at one commit, or beside keepwell.toml; never from anywhere else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.config.desired_model import DesiredEntry
from keepwell.conform.desired import sources
from keepwell.conform.desired.sources import Revision, Sources
from keepwell.core.errors import AccessError, NotThere, TooLarge
from keepwell.plugins.wish import CONTENT
from keepwell.transport.local import LocalTransport
from tests.conform.desired.kit import wish


def git(folder: Path, *argv: str) -> str:
    """What git says, in this folder, as somebody who is nobody in particular."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": "n", f"GIT_{role}_EMAIL": "n@example.org"}
    done = subprocess.run(["git", *argv], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits, a tag on the first, a link, a folder, a hook that must not run."""
    root = tmp_path / "work"
    (root / "units").mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / "units" / "a b*.conf").write_bytes(b"one\r\n\xff")
    (root / "link").symlink_to("/etc/passwd")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "first")
    git(root, "tag", "v1")
    (root / "units" / "a b*.conf").write_bytes(b"two")
    git(root, "commit", "--quiet", "-am", "second")
    return root


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Sources]:
    here = LocalTransport("here")
    yield Sources(here=here, state=tmp_path / "state", beside=tmp_path / "beside")
    await here.close()


NAME = "units/a b*.conf"


async def test_a_file_of_a_folder_at_a_revision(repository: Path, reader: Sources) -> None:
    assert await reader.read(str(repository), "main", NAME) == b"two"
    assert await reader.read(str(repository), "v1", NAME) == b"one\r\n\xff"
    assert await reader.read(str(repository), "", NAME) == b"two"
    (repository / "units" / "a b*.conf").write_bytes(b"not committed")
    assert await reader.read(str(repository), git(repository, "rev-parse", "v1"), NAME) == b"one\r\n\xff"
    assert reader.revisions[0] == Revision(
        repository=str(repository), revision="main", commit=git(repository, "rev-parse", "main")
    )


@pytest.mark.parametrize(
    ("revision", "name", "said"),
    [
        ("main", "nothing", "has no such file"),
        ("main", "units", "no plain file"),
        ("main", "link", "no plain file"),
        ("nowhere", NAME, "no such revision"),
        ("main", "../beside/x", "without .."),
        ("main", "/etc/passwd", "without .."),
        ("main", "units/*.conf", "has no such file"),
    ],
)
async def test_what_is_no_source_is_said(
    repository: Path, reader: Sources, revision: str, name: str, said: str
) -> None:
    with pytest.raises(AccessError, match=said):
        await reader.read(str(repository), revision, name)


async def test_a_file_that_is_too_large_is_refused(repository: Path, reader: Sources) -> None:
    (repository / "large").write_bytes(b"x" * (sources.SOURCE_BYTES + 1))
    git(repository, "add", "large")
    git(repository, "commit", "--quiet", "-m", "large")
    with pytest.raises(TooLarge):
        await reader.read(str(repository), "main", "large")


async def test_an_address_is_mirrored_and_follows_what_changes_there(
    repository: Path, reader: Sources, tmp_path: Path
) -> None:
    address = f"file://{repository}"  # keepwell.toml allows none of these; the way is the same
    assert await reader.read(address, "main", NAME) == b"two"
    (repository / "units" / "a b*.conf").write_bytes(b"three")
    git(repository, "commit", "--quiet", "-am", "third")
    git(repository, "branch", "-m", "main", "trunk")
    assert await reader.read(address, "main", NAME) == b"two"  # one commit for all nodes of one look
    again = replace(reader, _commits={})
    assert await again.read(address, "trunk", NAME) == b"three"
    assert await again.read(address, "", NAME) == b"three"
    with pytest.raises(NotThere, match="main"):
        await again.read(address, "main", NAME)
    assert len(list((tmp_path / "state" / sources.MIRRORS).iterdir())) == 1


async def test_a_repository_that_cannot_be_reached_is_said_and_asks_nobody(reader: Sources) -> None:
    with pytest.raises(AccessError, match="cannot be fetched"):
        await reader.read("http://127.0.0.1:9/config.git", "main", NAME)
    with pytest.raises(AccessError):
        await reader.read("/nowhere/at/all", "main", NAME)


async def test_no_program_of_a_repository_is_run(repository: Path, reader: Sources, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    program = tmp_path / "trap.sh"
    program.write_text(f"#!/bin/sh\ntouch {trap}\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "core.sshCommand", "diff.external", "core.pager", "filter.x.smudge"):
        git(repository, "config", name, str(program))
    for name in ("post-checkout", "reference-transaction"):
        hook = repository / ".git" / "hooks" / name
        hook.write_text(program.read_text())
        hook.chmod(0o755)
    assert await reader.read(str(repository), "main", NAME) == b"two"
    assert not trap.exists()


async def test_a_table_gets_the_bytes_or_says_why_not(repository: Path, reader: Sources, tmp_path: Path) -> None:
    group = DesiredEntry(repository=str(repository), revision="v1")
    made = wish("/a", group=group)
    made = replace(made, wish={**made.wish, "source": NAME})
    assert (await reader.fill(made)).wish[CONTENT] == b"one\r\n\xff"
    lost = await reader.fill(replace(made, wish={**made.wish, "source": "gone"}))
    assert lost.missing is not None
    assert "gone" in lost.missing.reason
    plain = wish("/a")
    assert await reader.fill(plain) == plain


async def test_beside_the_configuration(reader: Sources, tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    (beside / "files").mkdir(parents=True)
    (beside / "files" / "motd").write_bytes(b"hello")
    (beside / "out").symlink_to("/etc")
    assert await reader.read("", "", "files/motd") == b"hello"
    with pytest.raises(NotThere):
        await reader.read("", "", "files/none")
    with pytest.raises(AccessError, match="leads out"):
        await reader.read("", "", "out/passwd")
    with pytest.raises(NotThere):
        await replace(reader, beside=None).read("", "", "files/motd")
