"""Lines of words: the receiver of the drill."""

from __future__ import annotations

from collections.abc import Sequence

from keepwell.core.observation import Missing
from keepwell.core.series import Batch
from keepwell.plugins.sink import Message, Verdict


class Lines:
    """A line for each number."""

    title = "Drill lines"

    def render(self, batches: Sequence[Batch]) -> Message | None:
        """All numbers."""
        rows = [(key, value) for one in batches for key, value in one.readings if not isinstance(value, Missing)]
        lines = [f"{key.metric} {key.subject} {value:g}" for key, value in rows]
        return Message(body="\n".join(lines).encode(), path="/lines") if lines else None

    def judge(self, status: int) -> Verdict:
        """It takes all."""
        return "taken" if status == 200 else "later"


SINK = Lines()
