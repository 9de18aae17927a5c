"""What faces on the hub's port work with: who asks, what is told, what is done for whom."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from keepwell.app.arguments import take_arguments
from keepwell.app.hub.bus import WAITING, Bus
from keepwell.app.hub.gatehouse import Gatehouse
from keepwell.app.hub.sessions import COOKIE, Session, is_proved, read_session, render_session
from keepwell.app.hub.visitor import Visitor
from keepwell.app.hub.work import Work
from keepwell.app.operation import Caller, Operation, Param
from keepwell.app.repair_report import RunsReport
from keepwell.app.table import operations
from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.store.keys import Key, add_key, digest_secret, load_keys, replace_key
from keepwell.transport.clock import SystemClock


def ask(gatehouse: Gatehouse, method: str = "GET", **headers: str) -> Visitor | int:
    told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": "/x", "query_string": b"", "headers": told}
    answer = gatehouse.admit(Request(scope))
    if isinstance(answer, Visitor):
        return answer
    return answer.status_code


def make_gatehouse(state: Path) -> Gatehouse:
    return Gatehouse(state=state, secret="door", keyed=True)


def test_keys_say_who_asks_and_whether_changes_are_allowed(tmp_path: Path) -> None:
    add_key(tmp_path, Key(name="ada", digest=digest_secret("kw-a")))
    add_key(tmp_path, Key(name="root", digest=digest_secret("kw-r"), admin=True))
    gatehouse = make_gatehouse(tmp_path)
    assert ask(gatehouse) == 401
    assert ask(gatehouse, authorization="Bearer wrong") == 401
    assert ask(gatehouse, authorization="Bearer kw-a") == Visitor(name="ada", known_by="key")
    assert ask(gatehouse, authorization="Bearer kw-r") == Visitor(name="root", may_change=True, known_by="key")
    assert ask(gatehouse, authorization="Bearer door") == Visitor(may_change=True, known_by="owner")
    assert ask(Gatehouse(state=tmp_path, secret="door")) == Visitor()


def test_a_session_ends_with_its_key_and_its_time(tmp_path: Path) -> None:
    add_key(tmp_path, Key(name="ada", digest=digest_secret("kw-a"), admin=True))
    gatehouse = make_gatehouse(tmp_path)
    assert gatehouse.sign_in("wrong") is None
    cookie = f"{COOKIE}={gatehouse.sign_in('kw-a')}"
    assert ask(gatehouse, cookie=cookie) == Visitor(name="ada", may_change=True, known_by="session")
    replace_key(tmp_path, Key(name="ada", digest=digest_secret("kw-b")))
    assert ask(gatehouse, cookie=cookie) == 401
    replace_key(tmp_path, Key(name="ada", digest=digest_secret("kw-a")))
    assert ask(gatehouse, cookie=cookie) == Visitor(name="ada", known_by="session")
    late = Gatehouse(state=tmp_path, secret="door", keyed=True, now=lambda: time.time() + 13 * 3600)
    assert ask(late, cookie=cookie) == 401
    owner = f"{COOKIE}={gatehouse.sign_in('door')}"
    assert ask(gatehouse, cookie=owner) == Visitor(may_change=True, known_by="session")
    other = Gatehouse(state=tmp_path, secret="another", keyed=True)
    assert ask(other, cookie=owner) == 401
    assert len(load_keys(tmp_path)) == 1


def test_a_page_of_another_place_changes_nothing(tmp_path: Path) -> None:
    gatehouse = make_gatehouse(tmp_path)
    cookie = f"{COOKIE}={gatehouse.sign_in('door')}"
    assert ask(gatehouse, "POST", cookie=cookie, host="127.0.0.1:4001") == 403
    assert ask(gatehouse, "POST", cookie=cookie, host="127.0.0.1:4001", origin="http://evil.example") == 403
    assert ask(gatehouse, "POST", cookie=cookie, host="127.0.0.1:4001", sec_fetch_site="cross-site") == 403
    same = ask(gatehouse, "POST", cookie=cookie, host="127.0.0.1:4001", origin="http://127.0.0.1:4001")
    assert isinstance(same, Visitor)
    assert isinstance(ask(gatehouse, "POST", cookie=cookie, sec_fetch_site="same-origin"), Visitor)
    assert ask(gatehouse, host="evil.example") == 421


@given(st.text(max_size=80))
def test_no_cookie_is_believed_that_we_did_not_make(told: str) -> None:
    read_session(told)
    assert not is_proved(told, "digest", "secret")


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=40), st.integers(0, 2**40))
def test_a_cookie_says_what_was_put_into_it(name: str, until: int) -> None:
    session = Session(name=name, until=float(until))
    cookie = render_session(session, "digest", "secret")
    assert read_session(cookie) == session or len(cookie) > 512
    assert is_proved(cookie, "digest", "secret") or len(cookie) > 512
    assert not is_proved(cookie, "digest", "other")


async def test_a_slow_listener_loses_the_oldest_and_knows_it() -> None:
    bus = Bus()
    with bus.listen("a") as listener:
        for number in range(WAITING + 5):
            bus.tell("a", {"number": number}, 1.0)
            bus.tell("b", {}, 1.0)
        assert listener.lost == 5
        assert (await listener.next()).data == {"number": 5}
    assert not bus.heard


async def greet(caller: Caller, *, name: Annotated[str, Param(help="Whom.")] = "you") -> RunsReport:
    """Greet."""
    caller.progress(f"greeting {name}", 1, 2)
    caller.tell("hello\x1b[31m")
    if name == "nobody":
        raise AccessError("nobody is there")
    if name == "fault":
        raise ZeroDivisionError("of our own")
    if name == "deaf":
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        await asyncio.sleep(3600)
    if name == "ever":
        await asyncio.sleep(3600)
    return RunsReport(runs=())


# An operation's parameters are told by values, not by texts.
greet.__annotations__["name"] = Annotated[str, Param(help="Whom.")]
READ = Operation(name="greet", effect="read", function=greet)
CHANGE = Operation(name="greet", effect="change", function=greet)


async def test_work_is_done_beside_the_loop_and_told(tmp_path: Path) -> None:
    bus = Bus()
    work = Work(state=tmp_path, config=None, bus=bus, clock=SystemClock())
    with bus.listen("work") as listener:
        piece = work.begin(READ, {}, Visitor(), face="api")
        await piece.over.wait()
        told = await listener.next()
    assert told.data["text"] == "greeting you"
    assert (piece.stage, piece.document["schema"]) == ("done", "keepwell.runs/1")
    assert "\x1b" not in piece.lines[0]
    for name, stage in {"nobody": "failed", "fault": "failed"}.items():
        piece = work.begin(READ, {"name": name}, Visitor(), face="api")
        await piece.over.wait()
        assert (piece.stage, piece.document["schema"]) == (stage, "keepwell.error/1")
    piece = work.begin(READ, {"name": "ever"}, Visitor(), face="api")
    while piece.stage != "running" or not piece.lines:
        await asyncio.sleep(0.01)
    work.stop(piece)
    await piece.over.wait()
    assert piece.stage == "stopped"
    piece = work.begin(READ, {"name": "deaf"}, Visitor(), face="api")
    while piece.stage != "running" or not piece.lines:
        await asyncio.sleep(0.01)
    work.stop(piece)
    await asyncio.wait_for(piece.over.wait(), 30)
    assert piece.stage == "stopped"
    with pytest.raises(AccessError, match="needs the right"):
        work.begin(CHANGE, {}, Visitor(), face="api")
    await work.close()


def test_arguments_become_what_parameters_are() -> None:
    known = {one.name: one for one in operations("cli")}
    assert take_arguments(known["status"], "mcp", {"level": "1", "targets": ["a"]}) == {"level": 1, "targets": ["a"]}
    assert take_arguments(known["apply"], "mcp", {"all": True}) == {"all_": True}
    for name, given_, said in [
        ("status", {"level": 7}, "level must be 1 to 2"),
        ("status", {"depth": 1}, "no parameter 'depth'"),
        ("explain", {}, "needs"),
        ("status", {"level": "x"}, "level"),
        ("drain", {"name": "a", "timeout": "nan"}, "no number"),
        ("requests", {"body": 2**70}, "no number"),
    ]:
        with pytest.raises(ConfigurationError, match=said):
            take_arguments(known[name], "mcp", given_)
