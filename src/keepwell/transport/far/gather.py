"""Many small reads in one exchange. Sent there as text with far_end.py: standard library only, Python 3.7 or newer.

Asked: {"read": [[path, most bytes], ...], "names": [path, ...], "link": [path, ...], "size": [path, ...]}. Answered:
the same names, each with a list in the same order: what came, or the name of the error's number ("" for one without).
What came is the number of its bytes in the payload, which has all of them in order; of "size" it is [all, free].
"""

from __future__ import annotations

import errno
import os
from itertools import islice

from keepwell.transport.far.files import LIST_NAMES, require_regular
from keepwell.transport.far.job import PAYLOAD_BYTES, Job, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from keepwell.transport.far.job import Done

#: Files (and a folder) of every PCI device that the kernel answers without the device.
KEPT = (b"class", b"vendor", b"device", b"power")
#: Device nodes of GPUs and NPUs.
GPUS = (b"/dev/dri/", b"/dev/accel/")
#: Things in one question: a collector of a node with 100 containers asks for some hundreds of files.
MOST = 4096


def gather(job: Job) -> Done:
    """Everything that is asked for, as far as it can be had."""
    return gather_if(job, allow_all)


def gather_if(job: Job, allowed: Callable[[str], bool]) -> Done:
    """The same, where `allowed` says of the path of each file to be read, without links, whether it may be."""
    parts: list[bytes] = []
    room = PAYLOAD_BYTES

    def took(look: Callable[[], bytes]) -> Any:
        nonlocal room
        try:
            part = look()
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, "")
        except (Refusal, ValueError):
            return ""
        if len(part) > room:
            return "EFBIG"
        room -= len(part)
        parts.append(part)
        return len(part)

    answer: dict[str, Any] = {"read": [], "names": [], "link": [], "size": []}
    for path, most in pairs(job):
        answer["read"].append(took(Read(path, most, allowed)))
    for path in texts(job, "names"):
        answer["names"].append(took(Names(path)))
    for path in texts(job, "link"):
        answer["link"].append(took(Link(path)))
    for path in texts(job, "size"):
        answer["size"].append(size(path))
    return answer, b"".join(parts)


class Read:
    """The beginning of a regular file."""

    def __init__(self, path: str, most: int, allowed: Callable[[str], bool]) -> None:
        self.path = path.encode("utf-8", "surrogateescape")
        self.most = most
        self.allowed = allowed

    def __call__(self) -> bytes:
        if not self.allowed(os.fsdecode(os.path.realpath(self.path))):
            raise PermissionError(errno.EACCES, "")
        if would_wake(self.path):
            raise BlockingIOError(errno.EAGAIN, "")
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            require_regular(os.fstat(descriptor))
            parts = []
            left = self.most
            while left > 0:
                part = os.read(descriptor, min(left, 1 << 16))
                if not part:
                    break
                parts.append(part)
                left -= len(part)
            return b"".join(parts)
        finally:
            os.close(descriptor)


def would_wake(path: bytes, system: bytes = b"/sys") -> bool:
    """True for a file whose reading could wake a suspended device: one of a PCI device but those that the kernel
    answers by itself, and what a descriptor of a GPU tells. Asked at this end, since a device may have fallen asleep
    after the other end last looked. `system` is where sysfs is.
    """
    devices = system + b"/bus/pci/devices/"
    parts = path.split(b"/")
    folder = b""
    if path.startswith(devices):
        address, _, name = path[len(devices) :].partition(b"/")
        if name.split(b"/")[0] not in KEPT:
            folder = devices + address
    elif parts[-2:-1] == [b"fdinfo"]:
        opened = os.readlink(b"/".join((*parts[:-2], b"fd", parts[-1])))
        if opened.startswith(GPUS):
            number = os.stat(opened).st_rdev
            folder = system + b"/dev/char/%d:%d/device" % (os.major(number), os.minor(number))
    return bool(folder) and runtime_status(folder) in (b"suspended", b"suspending")


def runtime_status(folder: bytes) -> bytes:
    """What the kernel does with a device to save power; b"" where it does not tell."""
    try:
        with open(folder + b"/power/runtime_status", "rb") as file:
            return file.read(64).strip()
    except OSError:
        return b""


class Names:
    """Names in a folder, each ended by a zero byte."""

    def __init__(self, path: str) -> None:
        self.path = path.encode("utf-8", "surrogateescape")

    def __call__(self) -> bytes:
        with os.scandir(self.path) as entries:
            return b"".join(sorted(entry.name + b"\0" for entry in islice(entries, LIST_NAMES)))


class Link:
    """Where a link points."""

    def __init__(self, path: str) -> None:
        self.path = path.encode("utf-8", "surrogateescape")

    def __call__(self) -> bytes:
        return os.readlink(self.path)


def size(path: str) -> Any:
    """Bytes of a file system, all and free, or the name of an error's number."""
    try:
        found = os.statvfs(path.encode("utf-8", "surrogateescape"))
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "")
    except ValueError:
        return ""
    return [found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize]


def pairs(job: Job) -> list[tuple[str, int]]:
    """The files to read, with their limits; Refusal for anything else."""
    found = []
    for one in few(job, "read"):
        if not (isinstance(one, list) and len(one) == 2 and isinstance(one[0], str) and isinstance(one[1], int)):
            raise Refusal("AccessError", "not a path and a number of bytes")
        found.append((one[0], max(0, one[1])))
    return found


def texts(job: Job, name: str) -> list[str]:
    """The paths under one name; Refusal for anything else."""
    found = few(job, name)
    if not all(isinstance(one, str) for one in found):
        raise Refusal("AccessError", "a path that is no text")
    return found


def few(job: Job, name: str) -> list[Any]:
    """A list that is not too long."""
    found: list[Any] = job.take(name, list, [])
    if len(found) > MOST:
        raise Refusal("TooLarge", f"more than {MOST} things in one question")
    return found


def allow_all(path: str) -> bool:
    """Any file: who may start a far end over SSH may read it anyway."""
    return True


CALLS = {"gather": gather}
