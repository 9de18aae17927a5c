"""Every error that keepwell raises on purpose, by who can put it right.

    KeepwellError
    ├── ConfigurationError      the owner: a wrong value in keepwell.toml, a flag, an issue file
    ├── AccessError             the world, while looking
    │   ├── NotThere            looked, and it does not exist
    │   ├── NotPermitted        exists, but this user may not
    │   ├── TimedOut            no answer within the limit
    │   ├── Unreachable         refused, reset, no route, name not found
    │   └── TooLarge            more bytes than the limit that was set
    ├── EngineError             an engine answered, and the answer is not what its interface promises
    ├── RefusedError            keepwell itself says no (read-only, plan is stale, undo impossible)
    └── DamagedError            a file that keepwell wrote (journal, memory, cache) cannot be read back

Operating errors of the AccessError branch become `Missing` values at the edge of a probe; anything else
that escapes is a bug and ends the task.
"""

from __future__ import annotations

from typing import ClassVar


class KeepwellError(Exception):
    """The root: what happened, where, the exact command or URL, why, and what to do next.

    `where` is a Ref, a `file:line` or a path as text; `command` is the exact command line or URL that
    failed; `hint` is the next thing to do. All but `what` may be empty. `kind` is the word by which programs know it:
    it stays as it is.
    """

    kind: ClassVar[str] = "fault"

    def __init__(self, what: str, *, where: str = "", command: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.command = command
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.what]
        if self.where:
            parts.append(f"at {self.where}")
        if self.command:
            parts.append(f"by {self.command}")
        if self.hint:
            parts.append(f"next: {self.hint}")
        return " · ".join(parts)


class ConfigurationError(KeepwellError):
    """The owner wrote something that keepwell cannot use."""

    kind = "configuration"


class AccessError(KeepwellError):
    """The world could not be read; becomes a `Missing` value at the edge of a probe."""

    kind = "access"


class NotThere(AccessError):
    """Looked, and it does not exist."""

    kind = "not-there"


class NotPermitted(AccessError):
    """It exists, but the user that keepwell runs as may not read or change it."""

    kind = "not-permitted"


class TimedOut(AccessError):
    """No answer within the time limit."""

    kind = "timed-out"


class Unreachable(AccessError):
    """The other side refused, reset, or could not be found."""

    kind = "unreachable"


class TooLarge(AccessError):
    """The answer is larger than the limit that the caller set."""

    kind = "too-large"


class EngineError(KeepwellError):
    """An engine answered, but not what its interface promises."""

    kind = "engine"


class RefusedError(KeepwellError):
    """keepwell refuses: the world has changed since the plan, or no undo exists."""

    kind = "refused"


class DamagedError(KeepwellError):
    """A file that keepwell wrote cannot be read back."""

    kind = "damaged"
