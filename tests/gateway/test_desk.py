"""The desk behind the gateway: who is told to it, who it may stand for, and that everybody may go there."""

from __future__ import annotations

import pytest

from keepwell.gateway.access import BATCH, Access, Refused
from keepwell.gateway.choice.fronts import make_desk, make_fronts
from keepwell.gateway.choice.names import Names
from keepwell.gateway.surface import Surface
from keepwell.gateway.wire.heads import RequestHead
from keepwell.gateway.wire.request import Request
from keepwell.gateway.work.entrance import enter
from keepwell.gateway.work.entry import Entry
from keepwell.store.keys import Key, digest_secret
from tests.gateway.made import DIALECTS

SECRET = "5e" * 32
ADA = Key(name="ada & co", digest=digest_secret("kw-ada"), routes=("llama*",), per_minute=1)


def request(path: bytes = b"/", shown: str = "kw-ada", **more: bytes) -> Request:
    """A request with this key."""
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {shown}".encode())]
    headers += [(name.replace("_", "-").encode(), value) for name, value in more.items()]
    return Request(RequestHead(b"POST", path, headers, old=False, close=False))


def make_access(*keys: Key, desk: str = SECRET) -> Access:
    """Of these keys, with a desk."""
    made = Access(desk=desk.encode())
    made.replace(keys, frozenset())
    return made


def test_the_desk_asks_in_the_name_of_an_owner_behind_everybody_else() -> None:
    access = make_access(ADA)
    key = access.admit(request(shown=f"{SECRET}:ada%20%26%20co"))
    assert (key.name, key.routes, key.priority) == ("ada & co", ("llama*",), BATCH)
    assert access.admit(request()).priority == 1
    access.charge(key, "llama3", 0.0)
    with pytest.raises(Refused, match="requests a minute"):  # what is asked for a batch is the owner's
        access.charge(access.admit(request()), "llama3", 0.0)


@pytest.mark.parametrize("shown", [f"{SECRET}:bob", f"{SECRET}:", SECRET, f"x{SECRET}:ada%20%26%20co", ":ada", "x:"])
def test_nobody_else_is_stood_for(shown: str) -> None:
    with pytest.raises(Refused):
        make_access(ADA).admit(request(shown=shown))
    with pytest.raises(Refused):
        make_access(ADA, desk="").admit(request(shown=shown))


def test_without_keys_a_batch_waits_behind_others_too() -> None:
    assert make_access().admit(request(shown=f"{SECRET}:")).priority == BATCH
    assert make_access().admit(request(shown=f"{SECRET}:gone")).name == ""


def test_every_key_may_go_to_the_desk_and_nowhere_else_by_that() -> None:
    access = make_access(Key(name="bob", digest=digest_secret("kw-bob"), routes=("llama*",)))
    key = access.admit(request(shown="kw-bob"))
    for one in make_desk("127.0.0.1", 1, SECRET):
        access.charge(key, f"service {one.name}", 0.0)
    with pytest.raises(Refused, match="may not use"):
        access.charge(key, "service chroma", 0.0)


def test_the_desk_is_told_whose_request_it_is_whatever_a_client_says() -> None:
    surface = Surface(DIALECTS, no_own_path)
    fronts = make_fronts(make_desk("127.0.0.1", 1, SECRET), (), surface.changed_by)
    surface.replace(Names({}, {}), (), fronts)
    asked = request(b"/v1/files/file-1/content?x=1", x_keepwell_key=b"root")
    for _ in range(2):  # a head is kept for all like it, and entered again when keys change
        made = enter(surface, asked, ADA, object())
        assert isinstance(made, Entry)
        lines = asked.head.onward.split(b"\r\n")
        assert lines[0] == b"POST /v1/files/file-1/content?x=1 HTTP/1.1"
        assert [one for one in lines if one.startswith(b"x-keepwell-key")] == [b"x-keepwell-key: ada%20%26%20co"]
        assert not any(b"kw-ada" in one for one in lines)


def no_own_path(request: Request) -> None:
    """The gateway has none here."""
