"""The MCP face, by the official client over a real pipe."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from keepwell.app.table import operations
from mcp import ClientSession, StdioServerParameters, stdio_client


async def ask(tmp_path: Path, *calls: tuple[str, dict[str, Any]]) -> tuple[set[str], list[dict[str, Any]]]:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "keepwell", "mcp"],
        env={**os.environ, "KEEPWELL_STATE": str(tmp_path)},
    )
    async with stdio_client(server) as (reading, writing), ClientSession(reading, writing) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        answers = []
        for name, arguments in calls:
            result = await session.call_tool(name, arguments)
            answers.append(json.loads(result.content[0].text))
        assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)
        assert all(tool.description for tool in tools)
        return {tool.name for tool in tools}, answers


async def test_only_what_reads_is_offered_and_nothing_else(tmp_path: Path) -> None:
    names, _ = await ask(tmp_path)
    assert names == {one.name.replace(" ", "_") for one in operations("mcp") if one.effect == "read"}
    assert {"apply", "undo", "demo"}.isdisjoint(names)
    assert {"diagnose", "status", "explain", "issues"} <= names


async def test_the_same_answers_as_on_the_command_line(tmp_path: Path) -> None:
    calls = (
        ("diagnose", {"text": "no space left on device"}),
        ("explain", {"issue": "disk-full"}),
        ("explain", {"issue": "no-such-cause"}),
    )
    _, answers = await ask(tmp_path, *calls)
    assert answers[0]["hypotheses"][0]["issue"] == "disk-full"
    assert answers[1]["issue"]["id"] == "disk-full"
    assert answers[2]["schema"] == "keepwell.error/1"
