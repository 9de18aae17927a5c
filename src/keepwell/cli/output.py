"""Standard output as it is: a terminal or not, and perhaps closed by who read it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from rich.console import Console

#: Columns where the output is no terminal: long enough that a quoted log line and a command stay on one line.
PIPE_COLUMNS = 240


class Screen(Console):
    """A console that lets its caller know when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        """Pass it on: the exit code is the operation's, whoever stops reading."""
        raise BrokenPipeError


def make_screen() -> Screen:
    """Standard output as it is: a terminal at its width, anything else wide."""
    width = None
    if not sys.stdout.isatty():
        width = PIPE_COLUMNS
    return Screen(highlight=False, width=width)


def leave_output() -> None:
    """Nobody reads standard output: what is still to be written goes nowhere, so that the end is quiet."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
