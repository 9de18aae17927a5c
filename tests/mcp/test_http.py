"""Assistants at /mcp of a real hub, by the official client and by hand: who may ask, for what, and what is refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.shared.exceptions import MCPError

from keepwell.store.alert_desk import load_desk
from keepwell.store.keys import remove_key
from keepwell.store.proposals import list_proposals
from tests.mcp.made import asking, make_key, read_answer, serving

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
TAKES = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


async def post(url: str, body: Any = LIST, **headers: str) -> httpx2.Response:
    told = {**TAKES, **{name.replace("_", "-"): text for name, text in headers.items()}}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx2.AsyncClient(timeout=20) as client:
        return await client.post(url, content=content, headers=told)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_on_this_machine_anybody_reads_and_nobody_asks_for_changes(tmp_path: Path, mode: str) -> None:
    async with serving(tmp_path, mcp_allow_change=True) as served, asking(served.url, mode=mode) as client:
        tools = {one.name: one for one in (await client.list_tools()).tools}
        assert {"diagnose", "status", "proposals_list"} <= set(tools)
        assert all(one.annotations and one.annotations.read_only_hint for one in tools.values())
        assert {"cordon", "apply", "models_verify"}.isdisjoint(tools)
        answer = await client.call_tool("diagnose", {"text": "no space left on device"})
        assert read_answer(answer)["hypotheses"][0]["issue"] == "disk-full"
        refused = await client.call_tool("alerts_maintenance", {"subject": "node:gpu01"})
        assert refused.is_error
        assert read_answer(refused)["kind"] == "not-there"
        assert list_proposals(tmp_path, 0.0) == ()


@pytest.mark.parametrize(("may", "allowed"), [({}, False), ({"propose": True}, True), ({"admin": True}, True)])
async def test_a_key_asks_for_changes_only_if_it_may_and_the_owner_allows_it(
    tmp_path: Path, may: dict[str, bool], allowed: bool
) -> None:
    secret = make_key(tmp_path, "ada", **may)
    async with serving(tmp_path) as served, asking(served.url, secret) as client:
        assert "alerts_maintenance" not in {one.name for one in (await client.list_tools()).tools}
    async with serving(tmp_path, mcp_allow_change=True) as served, asking(served.url, secret) as client:
        names = {one.name for one in (await client.list_tools()).tools}
        assert ("alerts_maintenance" in names) is allowed
        answer = await client.call_tool("alerts_maintenance", {"subject": "node:gpu01", "reason": "it is hot"})
        assert answer.is_error is not allowed
    kept = list_proposals(tmp_path, 0.0)
    assert [(one.stage, one.asked_by) for one in kept] == [("waiting", "ada (by the hub)")] * allowed
    assert load_desk(tmp_path).maintenance == ()


async def test_where_others_can_reach_it_a_key_is_needed_and_one_that_is_revoked_ends_at_once(tmp_path: Path) -> None:
    secret = make_key(tmp_path, "ada")
    make_key(tmp_path, "other")
    async with serving(tmp_path) as served:
        await served.settle(listen=(f"0.0.0.0:{served.port}",))
        assert (await post(served.url)).status_code == 401
        assert (await post(served.url, authorization="Bearer wrong")).status_code == 401
        async with asking(served.url, secret) as client:
            assert (await client.list_tools()).tools
            remove_key(tmp_path, "ada")
            with pytest.raises((MCPError, httpx2.HTTPError)):
                await client.call_tool("issues", {})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example:4001"}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "gpu.lan"}, 200),
        ({"host": "localhost:4001"}, 200),
        ({"content_type": "text/plain"}, 400),
        ({"accept": "text/html"}, 406),
        ({"mcp_session_id": "made-up"}, 200),
    ],
)
async def test_names_pages_and_forms_of_others_are_refused(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with serving(tmp_path, hosts=("gpu.lan",)) as served:
        assert (await post(served.url, **headers)).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"[" * 50_000,
        b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":7}',
        b"\xff\xfe",
    ],
)
async def test_what_is_no_request_is_told(tmp_path: Path, body: bytes) -> None:
    async with serving(tmp_path) as served:
        answer = await post(served.url, body)
        assert answer.status_code < 500
        assert (await post(served.url)).status_code == 200


async def test_only_post_and_no_more_than_a_log_in_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        async with httpx2.AsyncClient() as client:
            for method in ("GET", "DELETE", "PUT", "OPTIONS"):
                answer = await client.request(method, served.url, headers=TAKES)
                assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        assert (await post(served.url, b"x" * 3_000_000)).status_code == 413


async def test_it_can_be_turned_off(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        assert (await post(served.url)).status_code == 200
        await served.settle(mcp=False)
        assert (await post(served.url)).status_code == 404


async def test_a_hub_that_starts_again_is_not_noticed(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, asking(served.url) as client:
        first = (await client.list_tools()).tools
        await served.restart()
        assert read_answer(await client.call_tool("explain", {"issue": "disk-full"}))["issue"]["id"] == "disk-full"
        assert len(first) == len((await client.list_tools()).tools)


async def test_assistants_at_once_do_not_hear_each_other(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:

        async def ask(word: str) -> str:
            async with asking(served.url) as client:
                answer = await client.call_tool("explain", {"issue": word})
                return str(read_answer(answer).get("issue", {}).get("id"))

        words = ["disk-full", "clock-skew", "shm-too-small", "port-unavailable"] * 2
        assert await asyncio.gather(*map(ask, words)) == words


async def test_what_a_reader_may_not_have_done_is_refused_in_words(tmp_path: Path) -> None:
    async with serving(tmp_path) as served, asking(served.url) as client:
        for name, arguments in (
            ("diagnose", {"level": 4}),
            ("diagnose", {"yes": True, "level": 1}),
            ("diagnose", {"targets": ["root@192.0.2.9"]}),
            ("diagnose", {"targets": ["/etc/passwd"]}),
            ("diagnose", {"evidence": "/etc/passwd"}),
            ("issues", {"action": "evaluate", "file": "/etc/passwd"}),
            ("models_list", {"engine": "/etc"}),
            ("incident_list", {"recheck": True}),
        ):
            answer = await client.call_tool(name, arguments)
            assert answer.is_error, (name, arguments)
            assert "root:" not in answer.content[0].text
