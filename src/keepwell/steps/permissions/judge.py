"""What of a path is looser than it ought to be: from what was found there to what ought to be there. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from keepwell.formats.found_files import FoundFile

OTHERS, OTHERS_READ, OTHERS_WRITE, STICKY, SET_ID = 0o007, 0o004, 0o002, 0o1000, 0o6000
#: Bits that a bound does not speak of.
SPECIAL = 0o7000
FILE, FOLDER = "f", "d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is wished of a tree. -1 leaves an owner or group; `files` and `folders` are the most rights, 0o777 all."""

    uid: int = -1
    gid: int = -1
    files: int = 0o777
    folders: int = 0o777
    set_id: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A path as it is and as it ought to be, and in a few words why."""

    found: FoundFile
    wished: FoundFile
    why: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The corrections, the paths that have a name outside the tree and so are left, and how often there was what."""

    corrections: list[Correction] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def judge_tree(files: Collection[FoundFile], rules: Rules) -> Verdict:
    """Everything that is to be corrected, in the order of the paths; several names of one file count once."""
    names = Counter(one.inode for one in files if one.kind == FILE)
    verdict = Verdict()
    done: set[int] = set()
    for one in files:
        made = correct(one, rules)
        if made is None or (one.kind == FILE and one.names > 1 and one.inode in done):
            continue
        done.add(one.inode)
        if one.kind == FILE and one.names > names[one.inode]:
            verdict.shared.append(one.path)
            continue
        verdict.corrections.append(made)
        verdict.counts.update(made.why)
    return verdict


def correct(found: FoundFile, rules: Rules) -> Correction | None:
    """What this path ought to be, None where it is so; of other things than files and folders nothing is said."""
    if found.kind not in (FILE, FOLDER):
        return None
    why: list[str] = []
    mode = found.mode
    for reason, allowed in _bounds(found, rules):
        if mode & ~allowed:
            why.append(reason)
            mode &= allowed
    uid, gid = _or(rules.uid, found.uid), _or(rules.gid, found.gid)
    if (uid, gid) != (found.uid, found.gid):
        why.append("of another owner or group")
    if not why:
        return None
    return Correction(found=found, wished=replace(found, mode=mode, uid=uid, gid=gid), why=tuple(why))


def _bounds(found: FoundFile, rules: Rules) -> Iterator[tuple[str, int]]:
    """What a mode may hold at most, by the reason."""
    folder = found.kind == FOLDER
    if not (folder and found.mode & STICKY):
        yield "open for all to write", ~OTHERS_WRITE
    if not folder and found.path not in rules.set_id:
        yield "setuid or setgid", ~SET_ID
    if not folder and found.path in rules.secrets:
        yield "a secret that others may read", ~OTHERS
    most = {True: rules.folders, False: rules.files}[folder]
    yield "with more rights than wished", most | SPECIAL


def below(files: Iterable[FoundFile], excepted: Collection[str]) -> tuple[FoundFile, ...]:
    """Those that lie neither at nor below any of these paths."""
    if not excepted:
        return tuple(files)
    return tuple(one for one in files if not _is_below(one.path, excepted))


def _is_below(path: str, excepted: Collection[str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in excepted)


def _or(wished: int, found: int) -> int:
    if wished < 0:
        return found
    return wished
