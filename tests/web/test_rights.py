"""Who sees pages and who may change things: every page and every form of the table is tried."""

from __future__ import annotations

import re
import time
from pathlib import Path

from keepwell.app.hub.sessions import COOKIE
from keepwell.app.hub.sign_in_code import Codes, make_code
from keepwell.store.keys import Key, add_key, digest_secret, remove_key
from keepwell.web.table import load_table
from tests.web.site import parse, serving

READER, ADMIN = "kw-reader", "kw-admin"


def fill(path: str) -> str:
    """The path with something in place of its parts."""
    return re.sub(r"\{[^}]*\}", "7", path)


def add_keys(state: Path) -> None:
    add_key(state, Key(name="ada", digest=digest_secret(READER)))
    add_key(state, Key(name="root", digest=digest_secret(ADMIN), admin=True))


async def test_nobody_gets_in_without_a_key_where_others_can_reach_it(tmp_path: Path) -> None:
    add_keys(tmp_path)
    async with serving(tmp_path, host="0.0.0.0") as site:
        async with site.client() as client:
            for page in load_table().pages:
                answer = await client.get(fill(page.path))
                assert answer.status_code == 303, page.path
                assert answer.headers["location"].startswith("/sign-in?then=/")
            for form in load_table().forms:
                assert (await client.post(fill(form.path), data={"a": "b"})).status_code == 401, form.path
            assert (await client.get("/live?part=overview")).status_code == 401
            assert (await client.get("/sign-in")).status_code == 200
        async with site.client(accept="application/json") as client:
            assert (await client.get("/")).status_code == 401


async def test_who_only_reads_changes_nothing(tmp_path: Path) -> None:
    add_keys(tmp_path)
    changing = [one for one in load_table().forms if one.right == "change"]
    assert changing
    async with serving(tmp_path) as site:
        before = sorted(str(one) for one in tmp_path.rglob("*"))
        for secret in ("", READER):
            async with site.client(secret) as client:
                for form in changing:
                    answer = await client.post(fill(form.path), data={"why": "x"})
                    assert answer.status_code == 403, form.path
                    assert "keepwell web" in answer.text
        session = await site.signed_in(READER)
        for form in changing:
            assert (await session.post(fill(form.path), data={"why": "x"})).status_code == 403
        await session.aclose()
        assert sorted(str(one) for one in tmp_path.rglob("*")) == before


async def test_settings_are_for_who_may_change(tmp_path: Path) -> None:
    add_keys(tmp_path)
    async with serving(tmp_path) as site:
        for secret, status in (("", 200), (READER, 403), (ADMIN, 200)):
            async with site.client(secret) as client:
                answer = await client.get("/settings")
                assert answer.status_code == status
                assert READER not in answer.text
                assert digest_secret(READER) not in answer.text


async def test_a_key_becomes_a_session_and_goes_again(tmp_path: Path) -> None:
    add_keys(tmp_path)
    async with serving(tmp_path, host="0.0.0.0") as site, site.client(origin=site.url) as client:
        wrong = await client.post("/sign-in", data={"secret": "kw-nobody"})
        assert (wrong.status_code, COOKIE in client.cookies) == (403, False)
        answer = await client.post("/sign-in", data={"secret": READER, "then": "/models"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/models")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        page = parse((await client.get("/models")).text)
        assert "ada, reading" in page.all("nav")[0].text
        remove_key(tmp_path, "ada")
        assert (await client.get("/models")).status_code == 303
        await client.post("/sign-in", data={"secret": ADMIN})
        assert (await client.get("/models")).status_code == 200
        await client.post("/sign-out")
        assert (await client.get("/models")).status_code == 303


async def test_who_guesses_keys_waits(tmp_path: Path) -> None:
    add_keys(tmp_path)
    async with serving(tmp_path) as site, site.client() as client:
        told = [(await client.post("/sign-in", data={"secret": f"kw-{number}"})).status_code for number in range(14)]
        assert told[0] == 403
        assert told[-1] == 429
        assert (await client.post("/sign-in", data={"secret": ADMIN})).status_code == 429


async def test_pages_of_others_sign_nobody_in_and_lead_nowhere_else(tmp_path: Path) -> None:
    add_keys(tmp_path)
    async with serving(tmp_path) as site:
        async with site.client(origin="https://evil.example") as client:
            for path in ("/sign-in", "/sign-out", "/theme", "/playground"):
                assert (await client.post(path, data={"secret": ADMIN})).status_code == 403
        async with site.client(host="evil.example") as client:
            assert (await client.get("/")).status_code == 421
        async with site.client(origin=site.url) as client:
            for then in (
                "https://evil.example",
                "//evil.example",
                "/\\evil.example",
                "/\t/evil.example",
                "javascript:x",
            ):
                answer = await client.post("/sign-in", data={"secret": ADMIN, "then": then})
                assert answer.headers["location"] == "/"
                answer = await client.post("/theme", data={"theme": "dark", "then": then})
                assert answer.headers["location"] == "/"


async def test_the_owners_code_is_good_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        code = make_code(site.door.secret, time.time())
        client = await site.signed_in(code)
        assert "the owner" in (await client.get("/")).text
        await client.aclose()
        async with site.client(origin=site.url) as another:
            assert (await another.post("/sign-in", data={"secret": code})).status_code == 403


def test_a_code_ends_and_is_of_one_hub() -> None:
    codes, code = Codes(), make_code("door", 1000.0)
    assert not codes.redeem(code, "other", 1000.0)
    assert not codes.redeem(code, "door", 1301.0)
    for bad in ("", "-", "x-y-z", code[:-1], code + "0", code.replace("-", "", 1), "9" * 400, "\ud800-a-b"):
        assert not codes.redeem(bad, "door", 1000.0), bad
    assert codes.redeem(f" {code}\n", "door", 1000.0)
    assert not codes.redeem(code, "door", 1000.0)
