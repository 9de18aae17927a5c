"""The log in a real PostgreSQL keeps the contract of every log of requests, for several writers at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from keepwell.core.errors import AccessError, Unreachable
from keepwell.store.request_log import Quantiles, RequestLog
from keepwell.store.requestlog.postgres import RequestServer
from keepwell.testing.request_log_contract import CHECKS, Check, Wall
from keepwell.testing.request_rows import BEGIN, make_values
from tests.store.requestlog.postgres_server import Server, run_postgres

pytestmark = pytest.mark.real
#: Rows of each of four writers, some at a time.
ROWS, TOGETHER = 400, 20


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_postgres() as one:
        yield one


@pytest.mark.parametrize("check", CHECKS)
def test_contract(check: Check, server: Server) -> None:
    url = server.make_database()

    def make(wall: Wall) -> RequestServer:
        return RequestServer(url, wall)

    assert isinstance(make(Wall()), RequestLog)
    check(make)


def test_several_writers_share_one_and_whoever_follows_misses_nothing(server: Server) -> None:
    """A number that was seen is never followed by a smaller one that comes later."""
    url = server.make_database()
    wall = Wall()
    problems: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            with closing(RequestServer(url, wall)) as log:
                for start in range(0, ROWS, TOGETHER):
                    log.add([make_values(writer * 10_000 + start + one) for one in range(TOGETHER)])
                    log.tend()
        except (AccessError, psycopg.Error) as error:
            problems.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    seen: list[int] = []
    with closing(RequestServer(url, wall)) as log:
        for one in threads:
            one.start()
        while any(one.is_alive() for one in threads) or log.after(max(seen, default=0), 1):
            seen += [number for number, _ in log.after(max(seen, default=0), 1000)]
        ids = {row.id for _, row in log.after(0, 10_000)}
        (counted,) = log.quantiles(Quantiles(measure="total", since=0.0, until=2 * BEGIN, by=()))
    assert problems == []
    assert seen == list(range(1, 4 * ROWS + 1))
    assert len(ids) == counted.count == 4 * ROWS


def test_a_connection_that_is_cut_costs_one_call_and_no_row(server: Server) -> None:
    url = server.make_database()
    with closing(RequestServer(url, Wall())) as log:
        log.add([make_values(1)])
        with psycopg.connect(server.url("postgres"), autocommit=True) as other:
            name = url.rpartition("/")[2]
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        with pytest.raises(Unreachable):
            log.add([make_values(2)])
        log.add([make_values(3)])
        assert [row.id for _, row in log.after(0, 9)] == [1, 3]


def test_a_wrong_password_is_told_without_any(server: Server) -> None:
    log = RequestServer(server.url("postgres", "wr0ng-and-secret"))
    with closing(log), pytest.raises(Unreachable) as told:
        log.last_number()
    assert "wr0ng-and-secret" not in f"{told.value} {told.value!r}"
    assert "password authentication failed" in str(told.value)


def test_a_server_that_is_not_there_is_told(server: Server) -> None:
    log = RequestServer("postgresql://keepwell@127.0.0.1:1/none")
    with closing(log), pytest.raises(Unreachable, match="the database of requests"):
        log.add([make_values(1)])


def test_tables_of_a_newer_release_are_left_alone(server: Server) -> None:
    url = server.make_database()
    with closing(RequestServer(url)) as log:
        log.add([make_values(1)])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE keepwell_about SET value = 99 WHERE name = 'version'")
    with closing(RequestServer(url)) as log, pytest.raises(AccessError, match="newer keepwell"):
        log.add([make_values(2)])
