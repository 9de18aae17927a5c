"""Give localhost its IPv4 address back: one line at the top of /etc/hosts, the rest stays as it is."""

from __future__ import annotations

import hashlib

from keepwell.core.finding import Finding
from keepwell.core.observation import Seen
from keepwell.core.ref import Ref
from keepwell.core.step import Change, Plan, WriteFile
from keepwell.plugins.paths import path_bytes
from keepwell.plugins.step import Step, Wants

HOSTS = "/etc/hosts"
NAME, LINE = "localhost", b"127.0.0.1 localhost\n"


class _LocalNames:
    """The step; it holds no state."""

    title = "Give localhost its IPv4 address back"
    mends: tuple[str, ...] = ("address.names",)

    def wants(self, finding: Finding, seen: Seen) -> Wants:
        """The file of names."""
        return Wants(files=(HOSTS,) * (finding.facts.get("name") == NAME))

    def plan(self, finding: Finding, seen: Seen) -> Plan | None:
        """One line more; no change when it is there, None for other names or when there is no such file."""
        content = path_bytes(seen, finding.subject.node, HOSTS)
        if finding.facts.get("name") != NAME or content is None:
            return None
        return Plan(
            step="local_names",
            check=finding.check,
            subject=finding.subject,
            why=finding.message,
            changes=(_change(finding, content),) * (not _is_told(content)),
        )


def _is_told(content: bytes) -> bool:
    """Whether a line gives localhost an IPv4 address."""
    lines = [line.partition(b"#")[0].split() for line in content.splitlines()]
    return any(NAME.encode() in line[1:] and b":" not in line[0] for line in lines if line)


def _change(finding: Finding, content: bytes) -> Change:
    after = LINE + content
    return Change(
        subject=Ref("path", (finding.subject.node, HOSTS)),
        what=NAME,
        before=finding.facts.get("addresses", "") or "(no address)",
        after="127.0.0.1 first",
        do=WriteFile(path=HOSTS, content=after, expect_sha256=hashlib.sha256(content).hexdigest()),
        undo=WriteFile(path=HOSTS, content=content, expect_sha256=hashlib.sha256(after).hexdigest()),
    )


STEP: Step = _LocalNames()
