"""A real Alertmanager takes incidents and forgets them when they are over; what it says is told when it does not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.notify.alertmanager import LASTS_SECONDS, NOTIFIER, render_alert
from keepwell.plugins.notifier import Notice, Notifier
from keepwell.testing.receivers import http_receiver
from keepwell.testing.waiting import eventually
from tests.notify.real_alertmanager import active, real_alertmanager
from tests.support import free_port

NOTICE = Notice(
    id="a20260101-12345678",
    title="gpu01 does not answer",
    body="Why? keepwell diagnose gpu01",
    severity="critical",
    began_at=1_767_225_600.0,
    labels={"alertname": "node.reached", "severity": "critical", "node": "gpu01", "incident": "a20260101-12345678"},
    annotations={"cause": "The node has no power"},
)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[int]:
    """The port of a real Alertmanager that tells nobody."""
    with real_alertmanager(tmp_path) as port:
        yield port


def test_a_real_one_has_it_while_it_lasts(real: int) -> None:
    lasting = replace(NOTICE, began_at=time.time() - 60)
    assert NOTIFIER.send(f"alertmanager://127.0.0.1:{real}", lasting) == ""
    eventually(lambda: len(active(real)) == 1, 10.0)
    (alert,) = active(real)
    assert alert["labels"] == dict(NOTICE.labels)
    assert alert["annotations"]["cause"] == "The node has no power"
    assert alert["annotations"]["summary"] == NOTICE.title
    assert NOTIFIER.send(f"alertmanager://127.0.0.1:{real}/", lasting) == ""
    assert len(active(real)) == 1
    assert NOTIFIER.send(f"alertmanager://127.0.0.1:{real}", replace(lasting, ended_at=time.time())) == ""
    eventually(lambda: active(real) == [], 10.0)


def test_a_real_one_refuses_what_has_no_labels(real: int) -> None:
    assert NOTIFIER.send(f"alertmanager://127.0.0.1:{real}", replace(NOTICE, labels={})).startswith("HTTP 400")


def test_it_keeps_to_the_contract() -> None:
    assert isinstance(NOTIFIER, Notifier)
    assert 0 < NOTIFIER.renews_seconds < LASTS_SECONDS


def test_what_nobody_repeats_ends_by_itself() -> None:
    (alert,) = json.loads(render_alert(NOTICE, 1_767_225_600.0))
    assert alert["startsAt"] == "2026-01-01T00:00:00.000+00:00"
    assert alert["endsAt"] == "2026-01-01T00:04:00.000+00:00"
    (over,) = json.loads(render_alert(replace(NOTICE, ended_at=1_767_225_660.0), 1_767_229_200.0))
    assert over["endsAt"] == "2026-01-01T00:01:00.000+00:00"


def test_a_proxy_before_it_gets_path_and_login() -> None:
    with http_receiver() as inbox:
        # the receiver reads objects: a list is what an Alertmanager gets, so its own answer does not count here
        inbox.down = True
        said = NOTIFIER.send(f"alertmanager://alice:s%40cret@127.0.0.1:{inbox.port}/am/", NOTICE)
    assert said.startswith("HTTP 503")
    assert "cret" not in said


def test_nobody_there_is_told() -> None:
    assert "no answer" in NOTIFIER.send(f"alertmanager://127.0.0.1:{free_port()}", NOTICE)
