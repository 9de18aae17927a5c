"""Kept connections: open ones only, no more than are useful, none of an engine that is no longer there."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from keepwell.gateway.work.pool import KEPT, Pool
from keepwell.plugins.routing import Replica
from keepwell.wire.outbound import Outbound

REPLICA = Replica(id="box/a", node="box", host="127.0.0.1", port=8000, dialects=frozenset({"openai"}), api_key="k")


class Line(asyncio.Transport):
    """A transport that is open until it is cut."""

    cut = False

    def is_closing(self) -> bool:
        return self.cut

    def abort(self) -> None:
        self.cut = True


def connection() -> Outbound:
    """One that is open."""
    made = Outbound()
    made.connection_made(Line())
    return made


def test_the_one_used_last_is_used_next_and_closed_ones_never() -> None:
    pool = Pool(REPLICA)
    first, closing, lost, last = (connection() for _ in range(4))
    for one in (first, closing, lost, last):
        pool.put_back(one)
    closing.transport.abort()
    lost.connection_lost(None)
    assert [pool.take(), pool.take(), pool.take()] == [last, first, None]


def test_too_many_and_those_of_a_closed_pool_are_cut() -> None:
    pool = Pool(REPLICA)
    kept = [connection() for _ in range(KEPT + 1)]
    for one in kept:
        pool.put_back(one)
    assert [one.transport.is_closing() for one in kept] == [False] * KEPT + [True]
    late = pool.take()
    pool.close()
    assert late is not None
    pool.put_back(late)
    assert all(one.transport.is_closing() for one in kept)
    assert pool.take() is None


def test_a_replica_that_is_known_better_keeps_its_connections_and_one_that_moved_does_not() -> None:
    pool = Pool(REPLICA)
    assert pool.lines == b"host: 127.0.0.1:8000\r\nauthorization: Bearer k\r\n"
    assert pool.is_for(REPLICA)
    assert pool.is_for(replace(REPLICA, models=frozenset({"m"})))
    assert not pool.is_for(replace(REPLICA, port=8001))
    assert not pool.is_for(replace(REPLICA, api_key="other"))
