"""One walk over the table of operations: the same answer by command, API and MCP, and no change without its right."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import shlex
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import stdio_client

from keepwell.api.calls import methods_of, path_of
from keepwell.api.forms import Forms, find_reports, find_schema_name
from keepwell.app.operation import Operation
from keepwell.app.proposing.command import render_command
from keepwell.app.rights import may_read
from keepwell.app.table import operations
from keepwell.cli.call import Verdict
from keepwell.cli.main import build
from keepwell.mcp.offering import name_tool
from tests.api.made import READER, Asking, add_keys, asking, bearer
from tests.faces.made_state import RUN, make_state
from tests.mcp.made import read_answer, stdio

#: What each is asked; {} for those that are not here. INCIDENT stands for the one that was made.
INCIDENT = "INCIDENT"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "alerts ack": {"incident": "a1", "note": "on it"},
    "alerts history": {"last": 5},
    "alerts maintenance": {"subject": "node:gpu01", "for_": "1h", "why": "a fan"},
    "batch resume": {"job": "nothing"},
    "batch show": {"job": "nothing"},
    "batch stop": {"job": "nothing"},
    "cordon": {"name": "gpu01", "why": "hot"},
    "drain": {"name": "gpu01"},
    "explain": {"issue": "disk-full"},
    "export rules": {},
    "forget": {"url": "http://127.0.0.1:9"},
    "incident close": {"incident": INCIDENT, "cause": "disk-full", "unseen": True},
    "incident note": {"incident": INCIDENT, "text": "df says 100 %"},
    "incident show": {"incident": INCIDENT},
    "issues": {"family": "storage"},
    "jobs logs": {"job": "nothing"},
    "jobs resume": {"job": "nothing"},
    "jobs stop": {"job": "nothing"},
    "migrate switch": {"route": "a", "to": "b"},
    "numbers": {"number": "60"},
    "proposals approve": {"id": "00000000"},
    "proposals refuse": {"id": "00000000"},
    "report": {"run": RUN},
    "route": {"model": "llama"},
    "smoke": {"nightly": True},
    "speeds": {},
    "uncordon": {"name": "gpu01"},
}
#: What is not walked every day: it looks at this machine as it is at that moment, which takes seconds and is another
#: one at each look. Walked by the long test, of which only what stays the same is compared.
LOOKS: dict[str, dict[str, Any]] = {
    "adopt": {},
    "audit": {},
    "baseline": {},
    "capacity": {},
    "diagnose": {"level": 1},
    "drift": {},
    "engine restart": {"name": "nothing-of-this-name"},
    "engine start": {"name": "nothing-of-this-name"},
    "engine status": {"name": "nothing-of-this-name"},
    "engine stop": {"name": "nothing-of-this-name"},
    "guard": {},
    "handoff": {"since": "1h"},
    "incident open": {"what": "slow", "level": 1},
    "migrate prepare": {"to": "vllm"},
    "migrate rehearse": {"from_": "a", "to": "b"},
    "models clean": {},
    "models list": {},
    "models migrate": {"engine": "nothing", "to": "/nowhere"},
    "models verify": {},
    "plan": {},
    "ready": {},
    "status": {"level": 1},
    "timeline": {"since": "1h"},
}
#: What is walked by nobody: it asks the network or another program than keepwell.
NOT_WALKED = {
    "ask": "asks a model: tests/ask",
    "discover": "asks every address of a network",
    "link": "sends between two nodes",
    "migrate audit": "reads a tree of files, and is not offered from afar",
}
#: Fields that are of the moment, or of who asks and by what.
VOLATILE = {
    "by",
    "asked_by",
    "decided_by",
    "at",
    "seconds",
    "looked_at",
    "until",
    "since",
    "processor_ratio",
    "memory_used_bytes",
    "memory_total_bytes",
}


def walked() -> list[Operation]:
    """Operations that several faces offer, and that are walked every day."""
    table = {one.name: one for face in ("cli", "mcp", "api") for one in operations(face)}
    several = [one for one in table.values() if len({"cli", "mcp", "api"} & set(one.faces)) > 1]
    return [one for one in several if one.name not in LOOKS and one.name not in NOT_WALKED]


def settle(value: Any, state: Path) -> Any:
    """A document without what is of the moment, and without the folder's name."""
    if isinstance(value, Mapping):
        return {name: settle(one, state) for name, one in value.items() if name not in VOLATILE}
    if isinstance(value, list):
        return [settle(one, state) for one in value]
    if isinstance(value, str):
        return value.replace(str(state), "STATE")
    return value


def by_command(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """By the command line that a person would type, read again as a shell does."""
    words = shlex.split(render_command(operation, "cli", given))[1:]
    place = words.index("--") if "--" in words else len(words)
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.suppress(Verdict):
        build().main([*words[:place], "--json", *words[place:]], prog_name="keepwell", standalone_mode=False)
    found: dict[str, Any] = json.loads(told.getvalue())
    return found


async def by_api(hub: Asking, operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """By POST; what only reads by GET, too, which says the same."""
    named = {name.rstrip("_"): value for name, value in given.items()}
    told = (await hub.post(path_of(operation), named, hub.owner)).json
    if operation.effect == "read" and all(isinstance(one, str | int) for one in named.values()):
        query = "&".join(f"{name}={str(value).lower()}" for name, value in named.items())
        again = (await hub.get(f"{path_of(operation)}?{query}", hub.owner)).json
        assert settle(again, hub.hub.state) == settle(told, hub.hub.state)
    found: dict[str, Any] = told
    return found


def arguments_of(operation: Operation, incident: str) -> dict[str, Any]:
    """What it is asked."""
    given = ARGUMENTS.get(operation.name) or LOOKS.get(operation.name, {})
    return {name: incident if value == INCIDENT else value for name, value in given.items()}


def requires_form(operation: Operation, told: Mapping[str, Any]) -> None:
    """The answer is as its description says."""
    import jsonschema

    if told["schema"] == "keepwell.error/1":
        return
    forms = Forms()
    made = [forms.of_report(one) for one in find_reports(operation)]
    names = [find_schema_name(one) for one in find_reports(operation)]
    assert "" in names or told["schema"] in names, (operation.name, told["schema"])
    whole = {"anyOf": made, "components": {"schemas": forms.named}}
    jsonschema.Draft202012Validator(whole).validate(dict(told))


async def test_reads_are_the_same_by_command_api_and_mcp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = await make_state(tmp_path)
    monkeypatch.setenv("KEEPWELL_STATE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    async with asking(tmp_path) as hub, Client(stdio_client(stdio(tmp_path))) as client:
        for one in walked():
            if not may_read(one):
                continue
            given = arguments_of(one, incident)
            told = await by_api(hub, one, given)
            requires_form(one, told)
            by_line = await asyncio.to_thread(partial(by_command, one, given))
            assert settle(told, tmp_path) == settle(by_line, tmp_path), one.name
            if "mcp" in one.faces:
                named = {name.rstrip("_"): value for name, value in given.items()}
                by_tool = read_answer(await client.call_tool(name_tool(one), named))
                assert settle(by_tool, tmp_path) == settle(told, tmp_path), one.name


async def test_changes_are_the_same_by_command_and_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each on a folder of its own that was the same before: afterwards it is the same again."""
    before = tmp_path / "before"
    incident = await make_state(before)
    for one in walked():
        if may_read(one) or "api" not in one.faces:
            continue
        given, answers = arguments_of(one, incident), []
        for face in ("cli", "api"):
            state = tmp_path / face
            shutil.rmtree(state, ignore_errors=True)
            shutil.copytree(before, state)
            monkeypatch.setenv("KEEPWELL_STATE", str(state))
            if face == "cli":
                told = await asyncio.to_thread(partial(by_command, one, given))
            else:
                async with asking(state) as hub:
                    told = await by_api(hub, one, given)
                requires_form(one, told)
            answers.append(settle(told, state))
        assert answers[0] == answers[1], one.name


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_looks_are_the_same_kind_of_answer_in_every_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look takes seconds and sees a machine that has moved on: its fields are compared, and how errors are."""
    await make_state(tmp_path)
    monkeypatch.setenv("KEEPWELL_STATE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    table = {one.name: one for one in operations("cli")}
    async with asking(tmp_path) as hub, Client(stdio_client(stdio(tmp_path)), read_timeout_seconds=300) as client:
        for name, given in LOOKS.items():
            one = table[name]
            named = {name.rstrip("_"): value for name, value in given.items()}
            told = [await asyncio.to_thread(partial(by_command, one, given))]
            if "api" in one.faces:
                later = {**hub.owner, "prefer": "respond-async"}
                place = (await hub.post(path_of(one), named, later)).headers["location"]
                while (answer := (await hub.get(place, hub.owner)).json["answer"]) is None:
                    await asyncio.sleep(0.2)
                told.append(answer)
                requires_form(one, answer)
            if "mcp" in one.faces and may_read(one):
                told.append(read_answer(await client.call_tool(name_tool(one), named)))
            assert len({describe(one) for one in told}) == 1, name


def describe(told: Mapping[str, Any]) -> tuple[Any, ...]:
    """What stays as it is from look to look: the schema, the fields, of an error its kind."""
    return (told["schema"], tuple(sorted(told)), told.get("kind"))


async def test_no_change_is_reachable_without_its_right_in_any_face(tmp_path: Path) -> None:
    add_keys(tmp_path)
    changes = {one.name: one for face in ("cli", "mcp", "api") for one in operations(face) if not may_read(one)}
    assert len(changes) > 20
    async with asking(tmp_path) as hub, Client(stdio_client(stdio(tmp_path))) as client:
        before = snapshot(tmp_path)
        tools = {one.name for one in (await client.list_tools()).tools}
        for one in changes.values():
            assert name_tool(one) not in tools
            refused = read_answer(await client.call_tool(name_tool(one), {}))
            assert refused["schema"] == "keepwell.error/1", one.name
            given = {row.name.rstrip("_"): "x" for row in one.parameters("api") if row.required}
            for right, status in (({}, 401), (bearer(READER), 403)):
                told = await hub.post(path_of(one), given, right)
                assert told.status == (status if "api" in one.faces else 404), one.name
                assert (await hub.get(path_of(one), right)).status in (404, 405)
        assert snapshot(tmp_path) == before


def snapshot(folder: Path) -> dict[str, bytes]:
    """What is in a folder that would tell of a change."""
    kept = {"requests", "series", "hub", "log"}
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files if not kept & set(path.relative_to(folder).parts)}


def test_every_operation_is_walked_or_says_why_not() -> None:
    names = {one.name for face in ("cli", "mcp", "api") for one in operations(face)}
    for told in (ARGUMENTS, LOOKS, NOT_WALKED):
        assert set(told) <= names | {"ask"}
    for one in walked():
        missing = {row.name for row in one.parameters("api") if row.required} - arguments_of(one, "x").keys()
        assert not missing, one.name
        assert methods_of(one)
