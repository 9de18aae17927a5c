"""What a smoke test asked and got, as checks judge it."""

from __future__ import annotations

from keepwell.core.metric import Fact

DECLARED: tuple[Fact, ...] = (
    Fact(
        name="smoke.asked",
        about="engine",
        help="What a smoke test asked of it, and what came",
        shape="tuple of mappings question, model (empty where it is about the engine), seconds, state (a word of that "
        "question), said, and what that question has beside",
    ),
)
