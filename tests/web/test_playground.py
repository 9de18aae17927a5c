"""A question to a model from the page: as a stream, as a whole page, and every way in which it can go wrong."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from keepwell.gateway.door import DoorPlate, save_plate
from keepwell.testing.scripted_model import ScriptedModel, Turn
from tests.support import free_port
from tests.web.site import Site, parse, serving

ASK = {"model": "m", "question": "are you well?"}


@asynccontextmanager
async def beside(state: Path, *script: Turn) -> AsyncIterator[tuple[Site, ScriptedModel]]:
    """A hub whose gateway is a scripted server."""
    model = ScriptedModel(script)
    async with model.serving() as url, serving(state) as site:
        save_plate(state, DoorPlate(pid=os.getpid(), port=1, secret="s", inside=int(url.rpartition(":")[2])))
        yield site, model


async def stream(client: httpx2.AsyncClient, **fields: str) -> list[dict[str, Any]]:
    """All events of one answer."""
    async with client.stream(
        "POST", "/playground", data=ASK | fields, headers={"accept": "text/event-stream"}
    ) as answer:
        return [json.loads(line[6:]) async for line in answer.aiter_lines() if line.startswith("data: ")]


async def test_an_answer_streams_with_its_figures(tmp_path: Path) -> None:
    async with (
        beside(tmp_path, Turn(text="I am <b>well</b>. " * 9)) as (site, model),
        site.client() as client,
    ):
        before = json.dumps([["user", "hello"], ["assistant", "yes?"]])
        events = await stream(client, before=before, key="kw-mine")
        assert [events[0]["kind"], events[-1]["kind"]] == ["head", "end"]
        assert "".join(one["text"] for one in events if one["kind"] == "text") == "I am <b>well</b>. " * 9
        assert events[-1]["told"]["ttft"] >= 0
        assert events[-1]["told"]["figures"][0][0] == "first token"
        assert [one["role"] for one in model.asked[0]["messages"]] == ["user", "assistant", "user"]
        assert model.headers[0]["authorization"] == "Bearer kw-mine"


async def test_without_a_script_the_page_has_the_answer(tmp_path: Path) -> None:
    async with beside(tmp_path, Turn(text="<script>alert(1)</script>")) as (site, _), site.client() as client:
        answer = await client.post("/playground", data=ASK)
        page = parse(answer.text)
        said = [one.text for one in page.all("p", **{"class": "said"})]
        assert said == ["are you well?", "<script>alert(1)</script>"], answer.text
        assert page.all("dl", **{"class": "figures"})


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (Turn(status=404, text="there is no such model\x1b[31m"), "there is no such model\\x1b[31m"),
        (Turn(status=500, raw=b"<html>oops</html>", content_type="text/html"), "oops"),
        (Turn(text="half an ans", cut=True), ""),
        (Turn(raw=b"data: no json\n\n"), ""),
        (Turn(raw=b""), ""),
    ],
)
async def test_what_goes_wrong_is_said(tmp_path: Path, turn: Turn, said: str) -> None:
    async with beside(tmp_path, turn) as (site, _), site.client() as client:
        events = await stream(client)
        assert events[-1]["kind"] == "error"
        assert said in events[-1]["text"]
        assert events[-1]["text"]


async def test_who_leaves_ends_the_request(tmp_path: Path) -> None:
    async with (
        beside(tmp_path, Turn(text="on and on ", endless=True, pause=0.01)) as (site, _),
        site.client() as client,
    ):
        headers = {"accept": "text/event-stream"}
        async with client.stream("POST", "/playground", data=ASK, headers=headers) as answer:
            async for line in answer.aiter_lines():
                if "on and on" in line:
                    break
        assert (await client.get("/playground")).status_code == 200


async def test_nobody_to_ask_is_said(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, site.client() as client:
        assert "keepwell up" in (await client.get("/playground")).text
        assert "keepwell up" in (await stream(client))[0]["text"]
        save_plate(tmp_path, DoorPlate(pid=os.getpid(), port=1, secret="s", inside=free_port()))
        assert "does not answer" in (await stream(client))[0]["text"]
        for bad in ({"question": ""}, {"model": " "}, {"before": "{"}, {"before": '[["user"]]'}):
            assert (await client.post("/playground", data=ASK | bad)).status_code == 400
