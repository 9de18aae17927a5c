"""Room on a disk: looked at and told, never made. What may be removed is its owner's to say."""

from __future__ import annotations

import re

from keepwell.config.gateway_shapes import size
from keepwell.config.sections import Key
from keepwell.config.shapes import path
from keepwell.core import words
from keepwell.core.observation import Missing, Seen, failed
from keepwell.core.ref import Ref
from keepwell.core.text import cut_text, escape_controls
from keepwell.plugins.wish import Drift, Keeps, Looked, Needs, Wish

#: A line of `df -P -k`: blocks of 1024 bytes (all, used, available to users), the share in use, where it is mounted.
#: Neither blanks in the device's name nor a minus before what is available end it, as they do in what people paste.
_LINE = re.compile(r"\s(\d+)\s+(\d+)\s+(-?\d+)\s+(?:\d+%|-)\s+(/[^\n]*)$")
#: Characters of df's complaint that are told.
SAID = 200


class _Space:
    """The step; it holds no state."""

    title = "Free space"
    table = "space"
    keys: tuple[Key, ...] = (
        Key(name="path", shape=path, help="a folder on the file system that is meant", required=True),
        Key(name="free", shape=size, help='the least that is to be free for users, like "50 GiB"', required=True),
    )

    def needs(self, wish: Wish, looked: Looked) -> Needs:
        """What df says; a share whose server is gone ends at the time limit."""
        del looked
        return Needs(commands=(_ask(wish),))

    def compare(self, wish: Wish, looked: Looked) -> Drift | Missing:
        """Enough or not; there is never a change."""
        ran = looked.ran.get(_ask(wish), failed("nobody asked df"))
        if isinstance(ran, Missing):
            return ran
        found = parse_free(ran.text)
        if ran.code or found is None:
            said = (ran.stderr or ran.stdout).decode("utf-8", "replace").strip()
            return failed(f"df ended with {ran.code}: {cut_text(escape_controls(said), SAID)}")
        free, where = found
        problem = ""
        if free < wish["free"]:
            problem = (
                f"{words.size(wish['free'] - free)} too little on {where}: `keepwell models clean` plans to set aside "
                f"what model stores hold twice or for nothing; `du -xh -d 1 {where}` tells where the rest is"
            )
        return Drift(
            subject=Ref("mount", (looked.node, where)),
            before=f"{words.size(free)} free on {where}",
            after=f"{words.size(wish['free'])} free",
            problem=problem,
        )

    def copy(self, wish: Wish, looked: Looked) -> Wish | Missing:
        """As it is: how much is free on another node is no wish."""
        del looked
        return wish

    def propose(self, seen: Seen, node: str) -> tuple[Wish, ...]:
        """None: how much has to be free is the owner's to say."""
        del seen, node
        return ()


def parse_free(text: str) -> tuple[int, str] | None:
    """What `df -P -k PATH` says: bytes that users may still write, and where the file system is mounted; or None."""
    last = escape_controls("".join(text.strip("\n").splitlines()[-1:]))
    found = _LINE.search(last)
    if found is None:
        return None
    return max(0, int(found[3])) * 1024, found[4]


def _ask(wish: Wish) -> tuple[str, ...]:
    """POSIX's own form, which every df has."""
    return ("df", "-P", "-k", "--", wish["path"])


STEP: Keeps = _Space()
