"""The MCP face over a real pipe, by the official client: what is offered, what is answered, and what never is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import stdio_client
from mcp_types import Tool

from keepwell.app.rights import may_read
from keepwell.app.table import operations
from keepwell.mcp.offering import list_offers, name_tool
from tests.mcp.made import read_answer, stdio

#: Bytes of tools/list: more than a small model has room for beside a question.
LIST_BYTES = 40 * 1024


async def ask(
    state: Path, *calls: tuple[str, dict[str, Any]], flags: tuple[str, ...] = ()
) -> tuple[dict[str, Tool], list[dict[str, Any]]]:
    async with Client(stdio_client(stdio(state, *flags))) as client:
        tools = (await client.list_tools()).tools
        answers = [read_answer(await client.call_tool(name, arguments)) for name, arguments in calls]
        return {one.name: one for one in tools}, answers


async def test_only_what_reads_is_offered_and_nothing_else(tmp_path: Path) -> None:
    tools, answers = await ask(tmp_path, ("apply", {}), ("alerts_maintenance", {"subject": "node:gpu01"}))
    assert set(tools) == {name_tool(one) for one in operations("mcp") if may_read(one)}
    assert {"diagnose", "status", "explain", "issues"} <= set(tools)
    assert all(one.description and one.annotations and one.annotations.read_only_hint for one in tools.values())
    assert [one["kind"] for one in answers] == ["not-there", "not-there"]
    assert not any(tmp_path.rglob("*.json"))


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


async def test_a_change_that_is_called_is_asked_for_and_nothing_more(tmp_path: Path) -> None:
    calls = (
        ("alerts_maintenance", {"subject": "node:gpu01", "why": "hot", "reason": "its fan stands still"}),
        ("proposals_list", {}),
        ("proposals_approve", {"id": "00000000"}),
    )
    tools, (made, listed, refused) = await ask(tmp_path, *calls, flags=("--allow-change",))
    hints = tools["alerts_maintenance"].annotations
    assert hints is not None
    assert (hints.read_only_hint, hints.destructive_hint) == (False, True)
    one = made["proposal"]
    assert (one["stage"], one["command"]) == ("waiting", "keepwell alerts maintenance --why=hot node:gpu01")
    assert one["why"] == "its fan stands still"
    assert f"approve: keepwell proposals approve {one['id']}" in made["next"]
    assert [row["id"] for row in listed["proposals"]] == [one["id"]]
    assert refused["kind"] == "not-there"
    kept = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == {"proposals"}


def test_which_changes_may_be_asked_for() -> None:
    asks = {one.operation.name for one in list_offers(may_propose=True, heavy=True).values() if one.asks}
    assert asks == {one.name for one in operations("cli") if one.proposable}
    assert {"apply", "undo", "engine restart", "drain", "models migrate", "jobs stop", "incident close"} <= asks
    never = {"key", "up", "gateway", "agent", "jobs run", "batch run", "init", "proposals approve", "proposals refuse"}
    assert never.isdisjoint(asks)
    assert all(one.effect == "change" for one in operations("cli") if one.proposable)


@pytest.mark.parametrize("may_propose", [False, True])
@pytest.mark.parametrize("heavy", [False, True])
def test_no_tool_changes_anything(may_propose: bool, heavy: bool) -> None:
    for one in list_offers(may_propose=may_propose, heavy=heavy).values():
        assert one.asks or may_read(one.operation)
        assert one.asks <= may_propose
        names = {row.name for row in one.parameters}
        assert names.isdisjoint(one.operation.reads_without)
        assert names.isdisjoint({"yes", "evidence", "file", "out", "write", "bundle", "step", "follow"}), one.name
        assert not any(row.param.guarded and row.param.free_up_to is None for row in one.parameters)


@pytest.mark.parametrize(("flags", "least"), [((), 30), (("--allow-change",), 50)])
async def test_the_list_is_small_enough_for_small_models(tmp_path: Path, flags: tuple[str, ...], least: int) -> None:
    tools, _ = await ask(tmp_path, flags=flags)
    told = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in tools.values()]
    assert len(tools) >= least
    assert len(json.dumps(told)) <= LIST_BYTES
