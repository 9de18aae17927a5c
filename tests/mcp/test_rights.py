"""From the question of an assistant to the approval of a person, over the hub's own port: nobody skips a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from keepwell.api.face import Api
from keepwell.store.alert_desk import load_desk
from tests.mcp.made import asking, make_key, read_answer, serving


async def post(url: str, path: str, key: str, body: dict[str, Any]) -> httpx2.Response:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with httpx2.AsyncClient(timeout=30) as client:
        return await client.post(f"{url.removesuffix('/mcp')}{path}", json=body, headers=headers)


@pytest.mark.parametrize(
    "path", ["/api/v1/alerts/maintenance", "/api/v1/proposals/approve", "/api/v1/proposals/refuse"]
)
async def test_who_may_only_ask_cannot_do(tmp_path: Path, path: str) -> None:
    reader, asker = make_key(tmp_path, "ada"), make_key(tmp_path, "assistant", propose=True)
    async with serving(tmp_path, Api(), mcp_allow_change=True) as served:
        async with asking(served.url, asker) as client:
            made = await client.call_tool("alerts_maintenance", {"subject": "node:gpu01"})
            asked = read_answer(made)["proposal"]
        body = {"subject": "node:gpu01"} if "alerts" in path else {"id": asked["id"]}
        for key in ("", "kw-wrong", reader, asker):
            answer = await post(served.url, path, key, body)
            assert answer.status_code in (401, 403), (key, answer.text)
        assert load_desk(tmp_path).maintenance == ()
        async with asking(served.url, asker) as client:
            kept = read_answer(await client.call_tool("proposals_list", {"id": asked["id"]}))["proposals"][0]
            assert kept["stage"] == "waiting"


async def test_a_person_approves_what_they_read_and_the_assistant_sees_what_came_of_it(tmp_path: Path) -> None:
    asker, person = make_key(tmp_path, "assistant", propose=True), make_key(tmp_path, "root", admin=True)
    async with serving(tmp_path, Api(), mcp_allow_change=True) as served, asking(served.url, asker) as client:
        made = await client.call_tool("alerts_maintenance", {"subject": "node:gpu01"})
        asked = read_answer(made)["proposal"]
        for mark in ("", "0" * 16):
            refused = await post(served.url, "/api/v1/proposals/approve", person, {"id": asked["id"], "mark": mark})
            assert refused.status_code >= 400
            assert load_desk(tmp_path).maintenance == ()
        given = {"id": asked["id"], "mark": asked["mark"]}
        done = await post(served.url, "/api/v1/proposals/approve", person, given)
        assert (done.status_code, done.json()["proposal"]["stage"]) == (200, "done")
        assert [one.subject for one in load_desk(tmp_path).maintenance] == ["node:gpu01"]
        seen = read_answer(await client.call_tool("proposals_list", {"id": asked["id"]}))["proposals"][0]
        assert (seen["stage"], seen["decided_by"], seen["outcome"]["exit_code"]) == ("done", "root (api)", 0)
        again = await post(served.url, "/api/v1/proposals/approve", person, given)
        assert again.status_code >= 400
