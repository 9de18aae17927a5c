"""A made node whose programs are the real ones, run where the node's own /etc lies over this machine's: in a mount
namespace of each program's own, so that nothing of this machine is changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from keepwell.testing.namespaced import why_not
from keepwell.testing.rooted import Program, RootedNode
from keepwell.transport.base import Ran
from tests.engines.real import skip

#: What the programs for accounts read besides the files of accounts.
COPIED = ("login.defs", "nsswitch.conf", "pam.d", "default", "security", "subuid", "subgid")
PASSWD = """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
svc:x:990:990::/srv/svc:/usr/sbin/nologin
ann:x:1000:1000:Ann:/home/ann:/bin/bash
"""
GROUP = "root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\nsvc:x:990:\nrender:x:104:\nann:x:1000:\n"
_INSIDE = 'mount --bind "$0" /etc && exec "$@"'


def make_private_node(root: Path, programs: Sequence[str]) -> RootedNode:
    """A node with a few accounts, whose programs of these names are real; skips where that cannot be."""
    if why_not():
        pytest.skip(why_not())
    lacking = [one for one in programs if shutil.which(one) is None]
    if lacking:
        skip(f"there is no {', '.join(lacking)}")
    (root / "etc").mkdir(parents=True)
    for name in COPIED:
        here = Path("/etc") / name
        if here.is_dir():
            shutil.copytree(here, root / "etc" / name, symlinks=True)
        elif here.exists():
            shutil.copy2(here, root / "etc" / name)
    write_accounts(root)
    return RootedNode(root, programs=dict.fromkeys(programs, in_private))


def write_accounts(root: Path) -> None:
    """The files of accounts, with a password that must never be seen."""
    (root / "etc").mkdir(parents=True, exist_ok=True)
    shadow = "".join(f"{line.partition(':')[0]}:$y$hidden:19000:0:99999:7:::\n" for line in PASSWD.splitlines())
    gshadow = "".join(f"{line.partition(':')[0]}:!::\n" for line in GROUP.splitlines())
    for name, text, mode in (
        ("passwd", PASSWD, 0o644),
        ("group", GROUP, 0o644),
        ("shadow", shadow, 0o640),
        ("gshadow", gshadow, 0o640),
    ):
        (root / "etc" / name).write_text(text)
        (root / "etc" / name).chmod(mode)


def in_private(argv: Sequence[str], root: Path) -> Ran:
    """Run it with the node's /etc over this machine's, seen by nobody else."""
    words = ["unshare", "--mount", "sh", "-c", _INSIDE, str(root / "etc"), *argv]
    done = subprocess.run(words, capture_output=True, timeout=20, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    return Ran(argv=tuple(argv), code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def getent(argv: Sequence[str], root: Path) -> Ran:
    """What getent says of a made node's files: a line, or exit 2."""
    rows = (root / "etc" / argv[1]).read_text().splitlines()
    found = [line for line in rows if argv[2] in (line.split(":")[0], line.split(":")[2])]
    return Ran(argv=tuple(argv), code=2 * (not found), stdout="".join(f"{one}\n" for one in found).encode(), stderr=b"")


#: For nodes on which nothing needs to be real.
MADE: dict[str, Program] = {"getent": getent}
