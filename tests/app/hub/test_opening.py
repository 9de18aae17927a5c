"""A store that cannot be had costs only what needs it, and is there as soon as it can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keepwell.app.hub.late import LateRequests
from keepwell.app.hub.opening import make_hub, open_requests
from keepwell.app.operation import untold
from keepwell.app.wiring import Wiring
from keepwell.config.hub_model import HubEntry
from keepwell.config.model import Config, Secret
from keepwell.core.errors import AccessError
from keepwell.store.request_log import RequestLog
from keepwell.transport.clock import SystemClock
from keepwell.transport.local import LocalTransport


def test_a_database_without_an_address_fails_only_where_it_is_used(tmp_path: Path) -> None:
    address = tmp_path / "url"
    config = Config(hub=HubEntry(database=Secret(file=str(address))))
    wiring = Wiring(config=config, hands=LocalTransport(), clock=SystemClock(), state=tmp_path / "state")
    hub = make_hub(wiring, untold)
    with pytest.raises(AccessError):
        hub.requests.last_number()
    assert hub.series.keys() == ()
    hub.requests.close()
    assert os.listdir(tmp_path) == []


def test_it_is_the_store_of_requests_once_that_is_there(tmp_path: Path) -> None:
    log = LateRequests(lambda: open_requests(tmp_path))
    assert isinstance(log, RequestLog)
    assert (log.last_number(), log.find_mark("x"), log.known([]), log.after(0, 5)) == (0, None, set(), [])
    assert (log.find(1), log.newest(), list(log.between(0, 9))) == ([], [], [])
    log.tend()
    log.drop(0)
    log.close()
