"""What is wrong with the files of a store. Pure: from what lies there and the digests that were measured to faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from keepwell.core.finding import Status
from keepwell.core.observation import Missing
from keepwell.plugins.engine import StoreEntry
from keepwell.plugins.stock import Role, Stock, StockFile

FaultKind: TypeAlias = Literal[
    "missing",
    "manifest-corrupt",
    "corrupt",
    "truncated",
    "empty",
    "not-a-model",
    "misplaced",
    "partial",
    "temporary",
    "orphan",
    "duplicate",
    "unreadable",
]
#: Digests by path, as they were measured; Missing where a file could not be read.
Sums: TypeAlias = Mapping[str, str | Missing]

#: Seconds since its last change within which a file may belong to a download that goes on (the engine with the
#: strictest rule leaves files of less than an hour alone, too).
GRACE_SECONDS = 3600.0
#: Bytes from which two equal files are worth a word.
DUPLICATE_BYTES = 1024 * 1024
#: How bad each kind is, worst first: a model does not work; room is lost; it could not be seen.
STATUS: dict[FaultKind, Status] = {
    "missing": Status.CRITICAL,
    "manifest-corrupt": Status.CRITICAL,
    "corrupt": Status.CRITICAL,
    "truncated": Status.CRITICAL,
    "empty": Status.CRITICAL,
    "not-a-model": Status.CRITICAL,
    "unreadable": Status.UNKNOWN,
    "misplaced": Status.WARNING,
    "partial": Status.WARNING,
    "temporary": Status.WARNING,
    "orphan": Status.WARNING,
    "duplicate": Status.WARNING,
}
_KINDS: dict[str, FaultKind] = {kind: kind for kind in STATUS}
_LEFT: dict[Role, tuple[FaultKind, str]] = {
    "partial": ("partial", "a download that did not end"),
    "temporary": ("temporary", "left of a model that was being made"),
    "misplaced": ("misplaced", "a manifest at a depth where the engine does not see it"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One file, what is wrong with it, and the models that it belongs to. `bytes_taken` is what it takes on the disk;
    `blob` says that its name is a digest; `fresh` that it changed so lately that somebody may still write it.
    """

    kind: FaultKind
    path: str
    detail: str
    models: tuple[str, ...] = ()
    bytes_taken: int = 0
    blob: bool = False
    fresh: bool = False

    @property
    def status(self) -> Status:
        """How bad it is; a file that is still written is none of what it seems to be."""
        if self.fresh and STATUS[self.kind] is Status.WARNING:
            return Status.OK
        return STATUS[self.kind]


def judge_stock(stock: Stock, sums: Sums, now: float) -> tuple[Fault, ...]:
    """All faults of one store, worst first. What `sums` does not hold is judged by its size alone."""
    needed = _needed(stock.named)
    files = {one.path: one for one in stock.files}
    found = [_judge_file(one, needed.get(one.path, ()), sums.get(one.path), now, stock) for one in stock.files]
    found += [_judge_entry(entries, files) for path, entries in needed.items()]
    return tuple(sorted((one for one in found if one is not None), key=_order))


def find_duplicates(stocks: Sequence[Stock], sums: Sums) -> tuple[Fault, ...]:
    """Files of equal bytes under several paths, in one store or several: all but the first, which the others repeat."""
    first: dict[str, StockFile] = {}
    found = []
    for stock in stocks:
        needed = _needed(stock.named)
        for one in stock.files:
            made = sums.get(one.path)
            if not isinstance(made, str) or one.form == "git-sha1" or one.size_bytes < DUPLICATE_BYTES:
                continue
            twin = first.setdefault(made, one)
            if twin.inode != one.inode:
                models = _models(needed.get(one.path, ()))
                detail = f"the same bytes as {twin.path}"
                taken = one.taken_bytes
                found.append(Fault(kind="duplicate", path=one.path, detail=detail, models=models, bytes_taken=taken))
    return tuple(found)


def choose_files(stocks: Iterable[Stock]) -> tuple[StockFile, ...]:
    """The files whose bytes must be read, each once, the largest first: blobs, and files of the same size as another,
    which may be the same.
    """
    files = {one.path: one for stock in stocks for one in stock.files if not one.problem and one.size_bytes}
    sizes: dict[int, int] = {}
    for one in files.values():
        sizes[one.size_bytes] = sizes.get(one.size_bytes, 0) + 1
    wanted = [one for one in files.values() if one.form or _may_repeat(one, sizes)]
    return tuple(sorted(wanted, key=_largest_first))


def _may_repeat(file: StockFile, sizes: Mapping[int, int]) -> bool:
    return file.role == "plain" and file.size_bytes >= DUPLICATE_BYTES and sizes[file.size_bytes] > 1


def _largest_first(file: StockFile) -> tuple[int, str]:
    return -file.size_bytes, file.path


def _order(fault: Fault) -> tuple[int, list[str], str]:
    return -fault.status, [fault.kind], fault.path


def _needed(named: Iterable[StoreEntry]) -> dict[str, list[StoreEntry]]:
    found: dict[str, list[StoreEntry]] = {}
    for one in named:
        found.setdefault(one.path, []).append(one)
    return found


def _models(entries: Iterable[StoreEntry]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.model for one in entries))


def _judge_file(
    file: StockFile, entries: Sequence[StoreEntry], made: str | Missing | None, now: float, stock: Stock
) -> Fault | None:
    """What is wrong with a file that lies there."""
    kind, detail = _what(file, entries, made, stock.counted)
    if not kind:
        return None
    return Fault(
        kind=_KINDS[kind],
        path=file.path,
        detail=detail,
        models=_models(entries),
        bytes_taken=file.taken_bytes,
        blob=file.role == "blob",
        fresh=now - file.modified_at < GRACE_SECONDS,
    )


def _what(file: StockFile, entries: Sequence[StoreEntry], made: str | Missing | None, counted: bool) -> tuple[str, str]:
    """The kind and a sentence; ("", "") when it is well."""
    if file.problem:
        return "unreadable", file.problem
    if file.role in _LEFT:
        return _LEFT[file.role]
    if file.role == "blob" and counted and not entries:
        return "orphan", "no model names it"
    size = next((_what_size(file, one) for one in entries if _what_size(file, one)[0]), ("", ""))
    if size[0]:
        return size
    if isinstance(made, Missing):
        return "unreadable", made.reason
    if made is not None and file.digest and made != file.digest:
        return "corrupt", f"its digest is {made[:12]}…, and {file.digest[:12]}… belongs there"
    return "", ""


def _what_size(file: StockFile, entry: StoreEntry) -> tuple[str, str]:
    """What the size tells, where a manifest tells how long it must be."""
    if not file.form or file.size_bytes == entry.size_bytes or not entry.size_bytes:
        return "", ""
    detail = f"{file.size_bytes} of {entry.size_bytes} bytes"
    if not file.size_bytes:
        return "empty", detail
    if file.size_bytes < entry.size_bytes:
        return "truncated", detail
    return "corrupt", detail


def _judge_entry(entries: Sequence[StoreEntry], files: Mapping[str, StockFile]) -> Fault | None:
    """What is wrong with what models need: it is not there, or whoever read it found a problem."""
    one = next((entry for entry in entries if entry.problem), entries[0])
    there = files.get(one.path)
    kind, detail = one.problem, one.detail
    if not kind and there is None and one.role != "manifest":
        kind, detail = "missing", "a model needs it, and it is not there"
    if not kind or (there is not None and there.problem):
        return None
    taken = 0
    if there is not None:
        taken = there.taken_bytes
    models = _models(entries)
    return Fault(kind=_KINDS.get(kind, "not-a-model"), path=one.path, detail=detail, models=models, bytes_taken=taken)
