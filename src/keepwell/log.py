"""Quiet logging: one line an event on standard error, nothing below a warning unless asked for.

    log = logging.getLogger(__name__)
    log.info("journal cut", extra={"fields": {"path": path, "bytes": 12}})
    -> 12:30:01 info keepwell.store.journal: journal cut path=/var/lib/keepwell/runs/a.run bytes=12

The library never sets up logging by itself; an entry point calls `set_up_logging` once.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TextIO

from keepwell.core.text import cut_text, escape_controls

#: Level by number of `-v` flags; more than the last counts as the last.
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
#: Characters of one value in a line; the whole is in the place that the line names.
VALUE_CHARACTERS = 400

_COLOURS = {logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "31;1"}


def set_up_logging(verbosity: int = 0, stream: TextIO | None = None) -> None:
    """Send keepwell's events to `stream` (standard error), replacing an earlier set-up.

    `verbosity` 0 shows warnings, 1 what is done, 2 everything. Colour only on a terminal without NO_COLOR.
    """
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(LineFormatter(colour=out.isatty() and not os.environ.get("NO_COLOR")))
    root = logging.getLogger("keepwell")
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[min(max(verbosity, 0), len(LEVELS) - 1)])
    root.propagate = False


class LineFormatter(logging.Formatter):
    """Time, level, logger, message and fields on one line; control characters are written out.

    A trace of a bug follows on lines of its own, indented.
    """

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """The line of one event."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        level = record.levelname.lower()
        code = _COLOURS.get(record.levelno)
        if self._colour and code:
            level = f"\x1b[{code}m{level}\x1b[0m"
        fields = getattr(record, "fields", {})
        said = [f"{clock} {level} {record.name}: {_shown(record.getMessage())}"]
        said += [f"{name}={_shown(str(value))}" for name, value in fields.items()]
        line = " ".join(said)
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()
            line = "\n    ".join([line, *(escape_controls(one) for one in trace)])
        return line


def _shown(text: str) -> str:
    return escape_controls(cut_text(text, VALUE_CHARACTERS))
