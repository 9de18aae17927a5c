"""What an OSError means to somebody who only wanted to look: the AccessError of the same sense."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Sequence

from keepwell.core.errors import AccessError, NotPermitted, NotThere, TimedOut, TooLarge, Unreachable
from keepwell.core.secret import mask_argv, mask_text

#: Which AccessError an errno is; every other errno stays a plain AccessError with the system's own words.
KINDS: dict[int, type[AccessError]] = {
    errno.ENOENT: NotThere,
    errno.ENOTDIR: NotThere,
    errno.ENAMETOOLONG: NotThere,
    errno.ESRCH: NotThere,
    errno.ENODEV: NotThere,
    errno.ENXIO: NotThere,
    errno.EACCES: NotPermitted,
    errno.EPERM: NotPermitted,
    errno.EROFS: NotPermitted,
    errno.EAGAIN: TimedOut,
    errno.ETIMEDOUT: TimedOut,
    errno.EFBIG: TooLarge,
    errno.ECONNREFUSED: Unreachable,
    errno.ECONNRESET: Unreachable,
    errno.ECONNABORTED: Unreachable,
    errno.EHOSTUNREACH: Unreachable,
    errno.EHOSTDOWN: Unreachable,
    errno.ENETUNREACH: Unreachable,
    errno.ENETDOWN: Unreachable,
    errno.EADDRNOTAVAIL: Unreachable,
    errno.EAFNOSUPPORT: Unreachable,
    errno.EPIPE: Unreachable,
}


def access_error(
    error: OSError, *, where: str = "", command: str = "", otherwise: type[AccessError] = AccessError
) -> AccessError:
    """The AccessError that says the same as `error`; `otherwise` is the kind of an errno that is not listed."""
    kind = KINDS.get(error.errno or 0, otherwise)
    return kind(describe_error(error), where=where, command=command)


def describe_error(error: OSError) -> str:
    """The system's words for an error, with its errno's name: "Permission denied (EACCES)"."""
    name = errno.errorcode.get(error.errno or 0)
    if name is None:
        return error.strerror or str(error) or type(error).__name__
    return f"{os.strerror(error.errno or 0)} ({name})"


def shown_command(argv: Sequence[str]) -> str:
    """A command line as a person would type it, secrets masked."""
    return shlex.join(mask_argv(argv))


def shown_request(method: str, url: str) -> str:
    """A request in a few words, secrets masked."""
    return f"{method} {mask_text(url)}"
