"""Makes the sun shine."""

from __future__ import annotations

import hashlib

from keepwell.core.finding import Finding
from keepwell.core.observation import Seen
from keepwell.core.step import Change, Plan, WriteFile
from keepwell.plugins.step import Step, Wants


class _Sunshine:
    """The step."""

    title = "Make the sun shine"
    mends: tuple[str, ...] = ("drill.weather",)

    def wants(self, finding: Finding, seen: Seen) -> Wants:
        """The file."""
        return Wants(files=("/drill/weather",))

    def plan(self, finding: Finding, seen: Seen) -> Plan | None:
        """One file rewritten."""
        old, new = b"storm\n", b"sun\n"
        do = WriteFile(path="/drill/weather", content=new, expect_sha256=hashlib.sha256(old).hexdigest())
        undo = WriteFile(path="/drill/weather", content=old, expect_sha256=hashlib.sha256(new).hexdigest())
        change = Change(subject=finding.subject, what="weather", before="storm", after="sun", do=do, undo=undo)
        why = finding.message
        return Plan(step="drill", check=finding.check, subject=finding.subject, why=why, changes=(change,))


STEP: Step = _Sunshine()
