"""The stores of the hub, and of whoever reads beside it. Nothing is made or opened before the first use."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from keepwell.app.hub.duty import Hub
from keepwell.app.hub.late import LateRequests
from keepwell.app.operation import Caller
from keepwell.app.wiring import Wiring, find_state, read_config
from keepwell.config.hub_model import HubEntry
from keepwell.config.secret import load_secret
from keepwell.core.errors import ConfigurationError
from keepwell.store.request_log import RequestLog
from keepwell.store.requestlog.files import open_request_log
from keepwell.store.series_files import SeriesFiles
from keepwell.transport.local import local_name

#: Where the series lie in the state folder.
SERIES_FOLDER = "series"
HERE = HubEntry()


def make_hub(wiring: Wiring, tell: Callable[[str], None]) -> Hub:
    """A hub that works by this wiring; no file is opened yet, and a store that cannot be had is tried at each use."""
    requests = LateRequests(partial(open_requests, wiring.state, wiring.config.hub))
    return Hub(wiring=wiring, requests=requests, series=open_series(wiring.state), tell=tell)


def open_requests(state: Path, entry: HubEntry = HERE) -> RequestLog:
    """The store of requests: the database that the owner named, else files in the state folder.

    Raises ConfigurationError where the database's address is not to be had, or what it takes is not installed.
    """
    url = load_secret(entry.database, os.environ)
    if not url:
        return open_request_log(state)
    try:
        from keepwell.store.requestlog.postgres import RequestServer
    except ImportError as error:
        hint = "pip install 'keepwell[postgres]'"
        raise ConfigurationError("requests in PostgreSQL need psycopg, which is not installed", hint=hint) from error
    return RequestServer(url, source=f"gateway {local_name()} {state}")


def open_log(caller: Caller) -> RequestLog:
    """The store of requests that this caller's configuration means, to read. Raises ConfigurationError."""
    return open_requests(find_state(caller), read_config(caller, local_name()).hub)


def open_series(state: Path) -> SeriesFiles:
    """The store of series of a state folder."""
    return SeriesFiles(state / SERIES_FOLDER)
