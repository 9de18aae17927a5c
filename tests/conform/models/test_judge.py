"""Every fault of a store is found, and none is found where there is none."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.conform.models.judge import (
    DUPLICATE_BYTES,
    GRACE_SECONDS,
    Fault,
    choose_files,
    find_duplicates,
    judge_stock,
)
from keepwell.core.finding import Status
from keepwell.core.observation import failed
from keepwell.plugins.engine import StoreEntry
from keepwell.plugins.stock import Role, Stock, StockFile

NOW = 1_000_000_000.0
OLD = NOW - 2 * GRACE_SECONDS
SIZE = 100


def blob(name: str, *, size: int = SIZE, at: float = OLD, role: Role = "blob", problem: str = "") -> StockFile:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return StockFile(
        path=f"/s/blobs/{name}",
        role=role,
        size_bytes=size,
        taken_bytes=size,
        modified_at=at,
        inode=hash(name),
        form="sha256",
        digest=digest,
        problem=problem,
    )


def entry(name: str, model: str = "m", **more: str) -> StoreEntry:
    return StoreEntry(path=f"/s/blobs/{name}", size_bytes=SIZE, model=model, **more)


@dataclass(frozen=True)
class Case:
    """How one blob is, and what must be said of it."""

    damage: str
    kind: str


CASES = (
    Case("well", ""),
    Case("flipped", "corrupt"),
    Case("cut", "truncated"),
    Case("emptied", "empty"),
    Case("longer", "corrupt"),
    Case("gone", "missing"),
    Case("closed", "unreadable"),
    Case("broken", "unreadable"),
    Case("orphan", "orphan"),
    Case("partial", "partial"),
    Case("temporary", "temporary"),
)
SIZES = {"cut": SIZE - 1, "emptied": 0, "longer": SIZE + 1}
ROLES: dict[str, Role] = {"partial": "partial", "temporary": "temporary"}


@settings(max_examples=60)
@given(st.lists(st.sampled_from(CASES), min_size=1, max_size=12))
def test_every_planted_fault_is_found_and_nothing_else(cases: list[Case]) -> None:
    files, named, sums, expected = [], [], {}, {}
    for number, case in enumerate(cases):
        name = f"b{number}"
        one = blob(
            name,
            size=SIZES.get(case.damage, SIZE),
            role=ROLES.get(case.damage, "blob"),
            problem="no permission" * (case.damage == "closed"),
        )
        if case.damage != "gone":
            files.append(one)
        if case.damage not in ("orphan", "partial", "temporary"):
            named.append(entry(name, model=f"m{number}"))
        sums[one.path] = {"flipped": "0" * 64, "broken": failed("input/output error")}.get(case.damage, one.digest)
        if case.kind:
            expected[one.path] = case.kind
    faults = judge_stock(Stock(root="/s", files=tuple(files), named=tuple(named)), sums, NOW)
    assert {one.path: one.kind for one in faults} == expected
    assert len(faults) == len(expected)
    assert [one.status for one in faults] == sorted((one.status for one in faults), reverse=True)
    for one in faults:
        whose = [row.model for row in named if row.path == one.path]
        assert list(one.models) == whose


def test_a_problem_that_was_found_while_reading_is_told_once() -> None:
    manifest = StoreEntry(
        path="/s/manifests/x", size_bytes=0, model="x", role="manifest", problem="manifest-corrupt", detail="no JSON"
    )
    faults = judge_stock(Stock(root="/s", files=(), named=(manifest,)), {}, NOW)
    assert [(one.kind, one.detail, one.blob) for one in faults] == [("manifest-corrupt", "no JSON", False)]
    whole = StoreEntry(path="/s/manifests/y", size_bytes=0, model="y", role="manifest")
    assert judge_stock(Stock(root="/s", files=(), named=(whole,)), {}, NOW) == ()


def test_what_is_being_written_is_no_fault_yet() -> None:
    fresh = blob("new", at=NOW - 10)
    (fault,) = judge_stock(Stock(root="/s", files=(fresh,), named=()), {}, NOW)
    assert (fault.kind, fault.fresh, fault.status) == ("orphan", True, Status.OK)


def test_a_plain_folder_has_no_orphans() -> None:
    assert judge_stock(Stock(root="/s", files=(blob("a"),), named=(), counted=False), {}, NOW) == ()


def test_equal_files_in_two_stores_are_told_once_and_links_are_none() -> None:
    one, other = blob("a", size=DUPLICATE_BYTES), blob("b", size=DUPLICATE_BYTES)
    link = StockFile(path="/t/c", role="plain", size_bytes=DUPLICATE_BYTES, inode=one.inode)
    stocks = (
        Stock(root="/s", files=(one,), named=()),
        Stock(root="/t", files=(other, link), named=(StoreEntry(path=other.path, size_bytes=0, model="x"),)),
    )
    same = dict.fromkeys((one.path, other.path, link.path), "d" * 64)
    assert [(fault.path, fault.models) for fault in find_duplicates(stocks, same)] == [(other.path, ("x",))]
    assert find_duplicates(stocks, {**same, other.path: "e" * 64}) == ()


def test_read_are_blobs_and_plain_files_that_may_be_equal_the_largest_first() -> None:
    def plain(name: str, size: int) -> StockFile:
        return StockFile(path=name, role="plain", size_bytes=size)

    files = (
        blob("small"),
        blob("empty", size=0),
        blob("closed", problem="no"),
        plain("/one", DUPLICATE_BYTES),
        plain("/two", DUPLICATE_BYTES),
        plain("/alone", 3 * DUPLICATE_BYTES),
        blob("large", size=9 * DUPLICATE_BYTES),
    )
    chosen = choose_files([Stock(root="/s", files=files, named=())] * 2)
    assert [one.path for one in chosen] == ["/s/blobs/large", "/one", "/two", "/s/blobs/small"]


def test_how_bad_a_fault_is() -> None:
    def fault(fresh: bool) -> Fault:
        return Fault(kind="corrupt", path="/x", detail="", fresh=fresh)

    assert fault(True).status is fault(False).status is Status.CRITICAL
