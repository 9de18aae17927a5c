"""`keepwell requests` tells what is in the log and what the gateway wrote since."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from keepwell.app.operation import Caller
from keepwell.app.operations.requests import requests
from keepwell.core.errors import ConfigurationError
from keepwell.store.requestlog.files import open_request_log
from keepwell.store.requestlog.inbox import move
from keepwell.store.requests import RECORD_FILE, add_rows, open_record
from keepwell.testing.request_rows import make_values


def put(state: Path, *ids: int, **more: object) -> None:
    with closing(open_record(state / RECORD_FILE)) as connection:
        add_rows(connection, [make_values(one, **more) for one in ids], {})


async def test_requests_of_the_log_and_of_the_inbox(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    put(tmp_path, 1, 2, 3, key="bob")
    with closing(open_request_log(tmp_path)) as log:
        move(tmp_path / RECORD_FILE, log)
    (tmp_path / RECORD_FILE).unlink()
    put(tmp_path, 4, 5)

    async def ids(**wanted: Any) -> list[int]:
        report = await requests(caller, **wanted)
        assert report is not None
        return [row.id for row in report.requests]

    assert (await ids(), await ids(last=3)) == ([1, 2, 3, 4, 5], [3, 4, 5])
    assert (await ids(key="bob"), await ids(body=2), await ids(body=5)) == ([1, 2, 3], [2], [5])
    with pytest.raises(ConfigurationError, match="no request 9"):
        await requests(caller, body=9)
