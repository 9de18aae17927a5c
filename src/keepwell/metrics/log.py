"""What probes can observe in logs."""

from __future__ import annotations

from keepwell.core.metric import Fact

DECLARED: tuple[Fact, ...] = (
    Fact(
        name="log.text",
        about="engine",
        help="The engine's log of the window, as the probe read it",
        shape="mapping where kind lines: tuple of text (the window, since the process began) start_lines: tuple of "
        "text (its first ones, before the window) first_line truncated_bytes; long logs are cut to their last part",
    ),
    Fact(name="log.kernel", about="node", help="Kernel lines of the window", shape="as log.text"),
)
