"""Reading a tree: every file that may hold a use, nothing twice, and a count of what was passed over."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from keepwell.audit.document import Source
from keepwell.audit.tongue import find_tongue
from keepwell.core.errors import NotPermitted, NotThere

#: Files that are looked at: a large monorepo has some hundred thousand.
FILES = 200_000
#: Bytes of one file: what people write by hand is a tenth of it; notebooks with pictures are larger.
FILE_BYTES = 2 * 1024 * 1024
#: Bytes of a file of data (JSON, XML): settings are small, what is larger is no setting.
DATA_BYTES = 256 * 1024
#: Bytes that are read in all: some minutes of work.
TOTAL_BYTES = 2 * 1024 * 1024 * 1024
#: Folders in folders: far more than a path can hold on most systems.
DEPTH = 100
#: A file with a zero in so many of its first bytes is no text; git looks at as many.
SNIFFED = 8000
#: Folders that hold what others wrote or a program made.
_OTHERS = (
    ".git .hg .svn .jj node_modules bower_components .venv venv site-packages __pycache__ .tox .nox .mypy_cache "
    ".ruff_cache .pytest_cache .cache .next .nuxt .svelte-kit .terraform .gradle .idea vendor third_party target dist "
    ".ipynb_checkpoints .yarn .pnpm-store .eggs Pods DerivedData .direnv"
)
PASSED_OVER = frozenset(_OTHERS.split())
_TESTS = re.compile(
    r"(?:^|/)(?:tests?|__tests__|testdata|specs?|e2e|fixtures|mocks|__mocks__)/|(?:^|/)(?:test_[^/]*|conftest)\.py$|"
    r"_test\.(?:py|go|rs|dart|exs)$|[.-](?:test|spec|e2e)\.\w+$|Tests?\.(?:java|kt|cs|swift)$"
)
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(slots=True)
class Walked:
    """What was read and what was not: numbers of files by reason, folders passed over by name, the first unreadable
    paths with why. `complete` is False when a limit ended the walk.
    """

    files: int = 0
    bytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    folders: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    complete: bool = True

    def fail(self, path: str, error: OSError) -> None:
        """Note what could not be read; the first hundred by name."""
        self.skipped["unreadable"] += 1
        if len(self.unreadable) < 100:
            self.unreadable.append((path, error.strerror or type(error).__name__))


def list_files(root: Path, walked: Walked) -> list[Path]:
    """Every file below a folder, or the one file, in the order of names. Links are not followed.

    Raises NotThere and NotPermitted for the root itself.
    """
    try:
        kind = os.stat(root).st_mode
    except OSError as error:
        hint = "name a folder or a file"
        raise NotThere(f"cannot be looked at: {error.strerror}", where=str(root), hint=hint) from error
    if not stat.S_ISDIR(kind):
        return [root]
    if not os.access(root, os.R_OK | os.X_OK):
        raise NotPermitted("this folder may not be read", where=str(root), hint="run it as a user who may")
    found = list(islice(_list_files(root, walked), FILES + 1))
    walked.complete = len(found) <= FILES
    return found[:FILES]


def read_file(path: Path, name: str, walked: Walked, *, tests: bool = True) -> Source | None:
    """A file's text and tongue; None for what holds no use, which is counted, as are tests without `tests`."""
    if not tests and _TESTS.search(name):
        walked.skipped["tests (--tests reads them)"] += 1
        return None
    if walked.bytes >= TOTAL_BYTES:
        walked.complete = False
        return None
    try:
        content = _read_bytes(path, name, walked)
    except OSError as error:
        walked.fail(name, error)
        return None
    if content is None:
        return None
    walked.bytes += len(content)
    text, exact = decode(content)
    tongue = find_tongue(name, text[:200].partition("\n")[0])
    if tongue == "prose":
        walked.skipped["texts for people and lock files"] += 1
        return None
    walked.files += 1
    return Source(path=name, text=text, tongue=tongue, exact=exact)


def _list_files(root: Path, walked: Walked) -> Iterator[Path]:
    def note(error: OSError) -> None:
        walked.fail(os.path.relpath(error.filename or str(root), root), error)

    for folder, inner, names in os.walk(root, onerror=note):
        depth = len(Path(folder).relative_to(root).parts)
        wanted = []
        for name in sorted(inner):
            path = Path(folder, name)
            if name in PASSED_OVER or (path / "pyvenv.cfg").exists():
                walked.folders[name] += 1
            elif path.is_symlink():
                walked.skipped["links"] += 1
            elif depth >= DEPTH:
                walked.skipped["too deep"] += 1
            else:
                wanted.append(name)
        inner[:] = wanted
        for name in sorted(names):
            yield Path(folder, name)


def _read_bytes(path: Path, name: str, walked: Walked) -> bytes | None:
    """The bytes of a file that may hold a use, None for one that is passed over."""
    about = os.lstat(path)
    reason = ""
    if stat.S_ISLNK(about.st_mode):
        reason = "links"
    elif not stat.S_ISREG(about.st_mode):
        reason = "no files"
    elif about.st_size > {"plain": DATA_BYTES}.get(find_tongue(name), FILE_BYTES):
        reason = "too large"
    elif find_tongue(name) == "prose":
        reason = "texts for people and lock files"
    if reason:
        walked.skipped[reason] += 1
        return None
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        content = file.read(FILE_BYTES)
    if b"\0" in content[:SNIFFED] and content[:2] not in _MARKS:
        walked.skipped["binary"] += 1
        return None
    return content


def decode(content: bytes) -> tuple[str, bool]:
    """The text, and whether its bytes are exactly those of the text in UTF-8."""
    try:
        return content.decode("utf-8"), True
    except UnicodeDecodeError:
        encoding = _MARKS.get(content[:2], "latin-1")
        return content.decode(encoding, "replace"), False
