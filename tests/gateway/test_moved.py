"""A share of a route at a real data plane: who answers, what the record says, and that a restart changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.splits import SPLITS_FOLDER, Split, name_moved, render_split
from keepwell.plugins.routing import Replica
from keepwell.store.folder import replace_private
from keepwell.store.keys import Key, add_key, digest_secret
from keepwell.testing.engine import FakeEngine, FakeModel, Fault
from tests.gateway.made import DIALECTS, MODEL, chat
from tests.gateway.planes import SECONDS, RunningPlane, running_plane
from tests.support import eventually_async

OTHER = "other-name"
MOVED = name_moved(MODEL, OTHER)


@asynccontextmanager
async def two_routes(state: Path, first: FakeEngine, second: FakeEngine, **more: object) -> AsyncIterator[RunningPlane]:
    """A data plane with a route to each engine."""
    replicas = tuple(
        Replica(id=f"box/{place}", node="box", host="127.0.0.1", port=one.port, dialects=frozenset(DIALECTS))
        for place, one in enumerate((first, second))
    )
    routes = (Route(name=MODEL, replicas={"box/0": MODEL}), Route(name=OTHER, replicas={"box/1": OTHER}))
    async with running_plane(state, first, replicas=replicas, routes=routes, **more) as plane:
        yield plane


def make_engines() -> tuple[FakeEngine, FakeEngine]:
    """One for each route."""
    return FakeEngine("vllm"), FakeEngine("vllm", models=(FakeModel(name=OTHER, tag="beta"),))


def share(state: Path, number: float, step: int = 0) -> Path:
    """This share of the first route goes to the second one."""
    path = state / SPLITS_FOLDER / f"run.{step}.json"
    replace_private(path, render_split(Split(route=MODEL, to=OTHER, share=number)))
    return path


async def replicas_of(plane: RunningPlane, count: int, secret: str = "") -> Counter[str]:
    """Who answered so many requests; each has to be well."""
    answers = [await plane.ask(chat(max_tokens=2), secret=secret) for _ in range(count)]
    assert {one.status for one in answers} == {200}, [one.body for one in answers if one.status != 200]
    return Counter(one.headers["x-keepwell-replica"] for one in answers)


async def until_all(plane: RunningPlane, replica: str) -> None:
    """Wait until this one answers."""

    async def there() -> bool:
        return set(await replicas_of(plane, 3)) == {replica}

    await eventually_async(there, SECONDS, f"{replica} to answer")


async def test_a_share_goes_to_the_other_route_and_a_restart_keeps_it(tmp_path: Path) -> None:
    first, second = make_engines()
    async with first, second:
        share(tmp_path, 0.5)
        async with two_routes(tmp_path, first, second) as plane:
            found = await replicas_of(plane, 60)
            assert 15 <= found["box/1"] <= 45
            await plane.has_rows(60)
            rows = Counter((row.route, row.replica) for row in plane.rows())
            assert set(rows) == {(MODEL, "box/0"), (MOVED, "box/1")}
        async with two_routes(tmp_path, first, second) as plane:
            found = await replicas_of(plane, 30)
            assert set(found) == {"box/0", "box/1"}
            top = share(tmp_path, 1.0, step=1)
            await until_all(plane, "box/1")
            top.unlink()
            (tmp_path / SPLITS_FOLDER / "run.0.json").unlink()
            await until_all(plane, "box/0")


async def test_whoever_cannot_be_moved_stays_and_nobody_sees_an_error(tmp_path: Path) -> None:
    first, second = make_engines()
    async with first, second:
        share(tmp_path, 1.0)
        async with two_routes(tmp_path, first, second) as plane:
            await until_all(plane, "box/1")
            await second.set_fault(Fault.BROKEN, "/v1")
            assert set(await replicas_of(plane, 12)) == {"box/0"}

            async def recorded() -> bool:
                return any(one.retries for one in plane.rows())

            await eventually_async(recorded, SECONDS, "a request that was tried again")
            row = next(one for one in plane.rows() if one.retries)
            assert (row.route, row.replica, row.status) == (MOVED, "box/0", 200)


async def test_a_share_that_cannot_be_read_stops_no_gateway(tmp_path: Path) -> None:
    first, second = make_engines()
    async with first, second:
        replace_private(tmp_path / SPLITS_FOLDER / "run.0.json", b"no share")
        async with two_routes(tmp_path, first, second) as plane:
            assert set(await replicas_of(plane, 3)) == {"box/0"}
            (tmp_path / SPLITS_FOLDER / "run.0.json").unlink()
            share(tmp_path, 1.0)
            await until_all(plane, "box/1")


async def test_a_key_of_the_first_route_alone_may_be_moved(tmp_path: Path) -> None:
    add_key(tmp_path, Key(name="ada", digest=digest_secret("kw-ada"), routes=(MODEL,)))
    first, second = make_engines()
    async with first, second:
        share(tmp_path, 1.0)
        async with two_routes(tmp_path, first, second, key_required=True) as plane:
            assert set(await replicas_of(plane, 3, "kw-ada")) == {"box/1"}
            refused = await plane.ask({**chat(), "model": OTHER}, secret="kw-ada")
            assert refused.status == 403
