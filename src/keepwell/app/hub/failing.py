"""Why something of the hub failed, in words for its owner."""

from __future__ import annotations

import asyncio
import traceback

from keepwell.core.errors import KeepwellError
from keepwell.core.text import cut_text, escape_controls

#: Characters of a reason that are told.
REASON_CHARACTERS = 400


def describe_end(task: asyncio.Task[None]) -> str:
    """Why a task that ended failed, "" if it did not."""
    if task.cancelled():
        return "it was called off"
    error = task.exception()
    if error is None:
        return ""
    return describe_failure(error)


def describe_failure(error: BaseException) -> str:
    """For the owner: an error of the world in its own words, a bug with the place where it happened."""
    if isinstance(error, KeepwellError):
        return cut_text(escape_controls(str(error)), REASON_CHARACTERS)
    frames = traceback.extract_tb(error.__traceback__)
    place = "".join(f" at {one.filename.rpartition('/keepwell/')[2]}:{one.lineno}" for one in frames[-1:])
    return cut_text(escape_controls(f"{type(error).__name__}: {error}{place}"), REASON_CHARACTERS)
