"""What a model may call: a walk over the table of operations, and the second look before any of them runs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from keepwell.app.expert.toolbox import list_usable, make_forms, may_call, run_look, tool_name
from keepwell.app.operation import Caller
from keepwell.app.rights import find_need
from keepwell.app.table import operations
from keepwell.ask.actions import Look
from keepwell.ask.tools import check_call
from keepwell.core.errors import RefusedError
from keepwell.gateway.door import DoorPlate, save_plate

EVERY = {one.name: one for face in ("cli", "mcp", "api") for one in operations(face)}


def test_only_operations_that_read_and_let_nothing_work_can_be_called() -> None:
    usable = list_usable()
    assert len(usable) >= 12
    for one in usable:
        assert one.effect == "read"
        assert not one.heavy
        assert not one.proposable
        assert find_need(one, {}, ()) == ""


def test_every_other_operation_is_refused_by_both_looks() -> None:
    forms = make_forms(list_usable())
    known = {one.name for one in forms}
    for operation in EVERY.values():
        if not may_call(operation):
            assert tool_name(operation) not in known, operation.name


@pytest.mark.parametrize("name", sorted(one.name for one in EVERY.values() if not may_call(one)))
async def test_no_other_operation_runs_whatever_asks_for_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        await run_look(Caller(state=tmp_path), Look(tool=tool_name(EVERY[name]), seconds=5.0), "why?")
    assert list(tmp_path.iterdir()) == []


def test_no_change_is_near_enough_to_be_mended_into_another_change() -> None:
    forms = make_forms(list_usable())
    for operation in EVERY.values():
        if operation.effect == "change":
            checked = check_call(forms, tool_name(operation), {})
            assert checked.tool == "" or EVERY[_name_of(checked.tool)].effect == "read"


def test_what_a_model_may_say_names_no_place_and_nothing_guarded() -> None:
    for operation in list_usable():
        assert operation.for_models is not None
        offered = {one.name: one for one in operation.parameters("mcp")}
        assert set(operation.for_models.takes) <= set(offered), operation.name
        for name in operation.for_models.takes:
            param = offered[name].param
            assert not param.guarded, (operation.name, name)
            assert param.means != "place", (operation.name, name)


@pytest.mark.parametrize("arguments", [{"file": "/etc/passwd"}, {"issue": "disk-full", "html": "x"}, {"caller": 1}])
async def test_parameters_that_are_not_declared_for_models_are_refused(
    arguments: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(RefusedError):
        await run_look(Caller(state=tmp_path), Look(tool="explain", arguments=arguments, seconds=5.0), "why?")


async def test_a_look_that_takes_too_long_or_fails_tells_why(tmp_path: Path) -> None:
    silent = await asyncio.start_server(_say_nothing, "127.0.0.1")
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        save_plate(tmp_path, DoorPlate(pid=os.getpid(), port=port, secret="x"))
        slow = await run_look(Caller(state=tmp_path), Look(tool="replicas", seconds=0.3), "why?")
    assert slow.problem == "no answer in time"
    wrong = Look(tool="explain", arguments={"issue": "no-such"}, seconds=20.0)
    told = await run_look(Caller(state=tmp_path), wrong, "why?")
    assert "no-such" in told.problem
    assert not told.pieces


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@pytest.mark.parametrize("tool", ["numbers", "speeds", "runs", "bench_list"])
async def test_an_operation_runs_as_the_models_and_agrees_to_nothing(tool: str, tmp_path: Path) -> None:
    def agree(lines: object) -> bool:
        raise AssertionError("nobody may be asked for a model")

    told = await run_look(Caller(state=tmp_path, agree=agree), Look(tool=tool, seconds=20.0), "why?")
    assert told.pieces or not told.problem
    assert all(one.source == tool for one in told.pieces)


def _name_of(tool: str) -> str:
    return next(name for name, one in EVERY.items() if tool_name(one) == tool)
