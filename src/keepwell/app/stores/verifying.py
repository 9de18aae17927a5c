"""Look at stores, read what lies in them, and tell what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keepwell.app.operation import Caller
from keepwell.app.stores.report import ModelLine, ModelsReport, VerifiedStore, VerifyReport
from keepwell.app.stores.stores import Store, fetch_command, find_stores, wire_at
from keepwell.app.wiring import Wiring
from keepwell.conform.models.clean import choose_faults, show_fetch
from keepwell.conform.models.judge import Fault, choose_files, find_duplicates, judge_stock
from keepwell.conform.models.measure import measure
from keepwell.core.errors import RefusedError
from keepwell.core.observation import Missing
from keepwell.core.words import size
from keepwell.plugins.stock import Stock
from keepwell.transport.base import Digests, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A store with its faults, duplicates left out; they are of all stores together."""

    store: Store
    stock: Stock
    faults: tuple[Fault, ...]
    bytes_read: int


async def verify(caller: Caller, wanted: str, node: str = "") -> VerifyReport:
    """Every store that was asked for, each byte of its blobs read, on the node where they lie."""
    async with wire_at(caller, node, wanted) as wiring:
        stores = await find_stores(wiring, caller, wanted)
        return await verify_stores(stores, wiring, caller)


async def verify_stores(stores: Sequence[Store], wiring: Wiring, caller: Caller) -> VerifyReport:
    """The report about these stores."""
    began = wiring.clock.monotonic()
    verified, repeated = await read_stores(stores, wiring, caller)
    lines = [_line(one, repeated) for one in verified]
    lines += [
        VerifiedStore(engine=one.engine, title=one.title, folder=one.folder, unseen=str(one.stock))
        for one in stores
        if isinstance(one.stock, Missing)
    ]
    return VerifyReport(
        stores=tuple(lines), read_seconds=wiring.clock.monotonic() - began, cores=count_cores(wiring.hands)
    )


async def read_stores(
    stores: Sequence[Store], wiring: Wiring, caller: Caller
) -> tuple[tuple[Verified, ...], tuple[Fault, ...]]:
    """The stores that can be looked at, with their faults, and the files that repeat others."""
    hands = wiring.hands
    if not isinstance(hands, Digests):
        raise RefusedError("this connection cannot tell digests of files", where=hands.name)
    seen = [(one, one.stock) for one in stores if not isinstance(one.stock, Missing)]
    files = choose_files(stock for _, stock in seen)

    def tell(done: int, total: int) -> None:
        caller.progress(f"reading {size(total)} of {len(files)} files, MiB", done >> 20, total >> 20)

    sums = await measure(files, hands, count_cores(hands), tell)
    found = []
    for store, stock in seen:
        read = sum(one.size_bytes for one in stock.files if one.path in sums)
        faults = judge_stock(stock, sums, wiring.clock.now())
        found.append(Verified(store=store, stock=stock, faults=faults, bytes_read=read))
    return tuple(found), find_duplicates([stock for _, stock in seen], sums)


async def list_models(caller: Caller, wanted: str, node: str = "") -> ModelsReport:
    """Every model of the stores that were asked for; no weights are read."""
    async with wire_at(caller, node, wanted) as wiring:
        stores = await find_stores(wiring, caller, wanted)
        lines: list[ModelLine] = []
        unseen = []
        for one in stores:
            if isinstance(one.stock, Missing):
                unseen.append((one.title, str(one.stock)))
            else:
                lines += list_stock(one.engine, one.stock, judge_stock(one.stock, {}, wiring.clock.now()))
    return ModelsReport(models=tuple(lines), unseen=tuple(unseen), stores=len(stores) - len(unseen))


def list_stock(engine: str, stock: Stock, faults: Iterable[Fault]) -> tuple[ModelLine, ...]:
    """The models of one store. Pure."""
    taken = {one.path: one.taken_bytes for one in stock.files}
    needs: dict[str, set[str]] = {}
    for one in stock.named:
        needs.setdefault(one.model, set()).add(one.path)
    users: dict[str, int] = {}
    for paths in needs.values():
        for path in paths:
            users[path] = users.get(path, 0) + 1
    troubles = [(model, fault.kind) for fault in faults for model in fault.models]
    return tuple(
        ModelLine(
            engine=engine,
            folder=stock.root,
            model=model,
            files=len([path for path in paths if path in taken]),
            bytes_taken=sum(taken.get(path, 0) for path in paths),
            bytes_shared=sum(taken.get(path, 0) for path in paths if users[path] > 1),
            faults=tuple(dict.fromkeys(kind for whose, kind in troubles if whose == model)),
        )
        for model, paths in sorted(needs.items())
    )


def count_cores(hands: Transport) -> int:
    """Files that are read at once: as many as the node has cores."""
    if isinstance(hands, Digests):
        return hands.cores
    return 1


def _fetch(one: Verified) -> tuple[str, ...]:
    """Commands for the models of which files are missing; a file that is there, if broken, would not be fetched."""
    kinds: dict[str, set[str]] = {}
    for fault in one.faults:
        for model in fault.models:
            kinds.setdefault(model, set()).add(fault.kind)
    return show_fetch(fetch_command(one.store.engine, model) for model, found in kinds.items() if found == {"missing"})


def _line(one: Verified, repeated: Iterable[Fault]) -> VerifiedStore:
    paths = {file.path for file in one.stock.files}
    return VerifiedStore(
        engine=one.store.engine,
        title=one.store.title,
        folder=one.stock.root,
        models=len({entry.model for entry in one.stock.named}),
        files=len(paths),
        bytes_taken=sum(file.taken_bytes for file in one.stock.files),
        bytes_read=one.bytes_read,
        can_go=len(choose_faults(one.faults)),
        fetch=_fetch(one),
        faults=(*one.faults, *(fault for fault in repeated if fault.path in paths)),
    )
