"""Addresses that another program holds are taken when it leaves them; those that were handed over stay."""

from __future__ import annotations

import asyncio
import socket

import pytest

from keepwell.app.serving.listening import HANDED, Listening, take_handed
from keepwell.core.errors import ConfigurationError


def hold() -> socket.socket:
    """An address of this machine that somebody listens on."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


def address_of(one: socket.socket) -> tuple[str, int]:
    host, port = one.getsockname()
    return str(host), int(port)


async def test_it_waits_until_the_holder_leaves() -> None:
    with hold() as other:
        address = address_of(other)
        one = Listening({})
        one.open([address], shared=False, patient=True)
        assert one.missing == (address,)
        assert len(one.descriptors) == 1
        assert str(address[1]) in one.words
        taking = asyncio.create_task(one.take(30))
        await asyncio.sleep(0)
        assert not taking.done()
        other.close()
        await taking
    assert not one.missing
    (made,) = one.sockets.values()
    with made, socket.create_connection(address, 5):
        pass


def test_without_patience_it_is_refused() -> None:
    with hold() as other, pytest.raises(ConfigurationError, match="cannot listen there"):
        Listening({}).open([address_of(other)], shared=False, patient=False)


async def test_patience_ends() -> None:
    with hold() as other:
        one = Listening({})
        one.open([address_of(other)], shared=False, patient=True)
        with pytest.raises(ConfigurationError, match="cannot listen there"):
            await one.take(0)


def test_what_is_handed_on_is_found_and_the_rest_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = hold(), hold()
    one, kept, gone = Listening({}), address_of(first), address_of(second)
    one.sockets = {"{}:{}".format(*kept): first, "{}:{}".format(*gone): second}
    monkeypatch.setenv(HANDED, "")
    one.hand_on()
    handed = take_handed()
    first.detach()
    second.detach()
    assert set(handed) == {kept, gone}
    after = Listening(handed)
    after.open([kept], shared=False, patient=False)
    assert list(after.sockets) == ["{}:{}".format(*kept)]
    assert handed[gone].fileno() == -1
    after.sockets["{}:{}".format(*kept)].close()
