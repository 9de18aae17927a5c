"""Is the weather fit for an engine?"""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Seen


def _judge(seen: Seen) -> Iterator[Finding]:
    for one in seen.named("drill.weather"):
        status = {"storm": Status.CRITICAL}.get(str(one.value), Status.OK)
        facts = {"path": "/drill/weather"}
        yield Finding(check="drill.weather", subject=one.subject, status=status, message="weather", facts=facts)


CHECKS = (Check(id="drill.weather", title="The weather is fit", needs=("drill.weather",), judge=_judge),)
