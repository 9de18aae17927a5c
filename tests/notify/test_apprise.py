"""Messages reach real receivers in their own wire, in time or not at all, and no address is told."""

from __future__ import annotations

import threading
import time

import pytest

from keepwell.alerts.letters import deliver, find_notifier
from keepwell.notify.apprise import NOTIFIER, mask_address, with_priority
from keepwell.plugins.notifier import Notice, Notifier, Severity
from keepwell.testing.receivers import http_receiver, smtp_receiver

# Apprise asks the standard library for a module that Python 3.13 takes away
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")

SECRET = "tk_S3cretT0kenOfNtfy"


def _notice(severity: Severity = "critical") -> Notice:
    return Notice(
        id="a20260101-12345678",
        title="gpu01 does not answer",
        body="Why? keepwell diagnose gpu01\nünïcödé stays",
        severity=severity,
        began_at=1_767_225_600.0,
    )


def test_it_is_a_notifier_for_every_address_that_no_other_takes() -> None:
    assert isinstance(NOTIFIER, Notifier)
    assert find_notifier("ntfy://host/topic").title == "Apprise"
    assert find_notifier("alertmanager://host").title == "Alertmanager"


def test_ntfy_gets_what_it_asks_for() -> None:
    with http_receiver() as inbox:
        assert NOTIFIER.send(f"ntfy://127.0.0.1:{inbox.port}/homelab", _notice()) == ""
        (got,) = inbox.messages
    assert got.said["topic"] == "homelab"
    assert got.said["title"] == "gpu01 does not answer"
    assert "ünïcödé stays" in str(got.said["message"])
    assert got.headers["x-priority"] == "high"


def test_gotify_gets_its_token_and_a_wrong_one_is_told_without_it() -> None:
    token = "AbCdEf0123456.-"
    with http_receiver(token) as inbox:
        assert NOTIFIER.send(f"gotify://127.0.0.1:{inbox.port}/{token}", _notice("warning")) == ""
        assert inbox.messages[0].path == "/message"
        assert inbox.messages[0].said["title"] == "gpu01 does not answer"
        said = NOTIFIER.send(f"gotify://127.0.0.1:{inbox.port}/wrongtoken12345", _notice("warning"))
    assert said
    assert "wrongtoken12345" not in said


def test_a_webhook_gets_json() -> None:
    with http_receiver() as inbox:
        assert NOTIFIER.send(f"json://127.0.0.1:{inbox.port}/hook/abc", _notice("resolved")) == ""
        assert inbox.messages[0].path == "/hook/abc"
        assert inbox.messages[0].said["type"] == "success"


def test_mail_is_left_at_a_mail_server() -> None:
    with smtp_receiver() as inbox:
        address = f"mailto://127.0.0.1:{inbox.port}/?from=keepwell@example.com&to=owner@example.com&mode=insecure"
        assert NOTIFIER.send(address, _notice()) == ""
        (mail,) = inbox.mails
    assert mail["Subject"] == "gpu01 does not answer"
    assert "owner@example.com" in mail["To"]
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "ünïcödé stays" in plain.get_content()


def test_a_service_that_is_down_is_told_and_nothing_of_the_address() -> None:
    with http_receiver() as inbox:
        inbox.down = True
        said = NOTIFIER.send(f"ntfy://{SECRET}@127.0.0.1:{inbox.port}/private-topic", _notice())
    assert said
    assert SECRET not in said
    assert "private-topic" not in said


def test_an_address_that_is_none_is_told() -> None:
    assert "no such address" in NOTIFIER.send("nonsense", _notice())
    assert "no such address" in NOTIFIER.send("nosuchkind://host/x", _notice())


def test_critical_is_loud_where_the_owner_says_nothing() -> None:
    assert with_priority("ntfy://h/t", _notice()) == "ntfy://h/t?priority=high"
    assert with_priority("ntfy://h/t?x=1", _notice()) == "ntfy://h/t?x=1&priority=high"
    assert with_priority("ntfy://h/t?priority=min", _notice()) == "ntfy://h/t?priority=min"
    assert with_priority("ntfy://h/t", _notice("warning")) == "ntfy://h/t"
    assert with_priority("json://h/t", _notice()) == "json://h/t"


def test_masking_takes_every_part() -> None:
    said = mask_address("failed: user=alice pw=p%40ssword p@ssword topic-x", "ntfys://alice:p%40ssword@ntfy.sh/topic-x")
    for secret in ("alice", "p%40ssword", "p@ssword", "topic-x"):
        assert secret not in said


async def test_delivery_takes_its_time_limit_and_no_more() -> None:
    with http_receiver() as inbox:
        inbox.hang = threading.Event()
        began = time.monotonic()
        (said,) = await deliver(f"json://127.0.0.1:{inbox.port}/x", (_notice(),), seconds=2.0)
        assert time.monotonic() - began < 4.0
    assert "no answer within 2 s" in said


async def test_delivery_in_a_process_of_its_own() -> None:
    with http_receiver() as inbox:
        said = await deliver(f"ntfy://127.0.0.1:{inbox.port}/topic", (_notice(), _notice("resolved")))
        assert said == ("", "")
        assert [one.said["topic"] for one in inbox.messages] == ["topic", "topic"]


@pytest.mark.parametrize("address", ["", "://", "ntfy://", "alertmanager://", "alertmanager://:x/", "\x00"])
async def test_no_address_ends_the_one_who_delivers(address: str) -> None:
    (said,) = await deliver(address, (_notice(),))
    assert said
