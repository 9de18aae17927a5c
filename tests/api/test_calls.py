"""Operations by HTTP: who may what, what is taken, what is answered and how errors look."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from keepwell.api.answers import STATUSES
from keepwell.api.reading import BODY_BYTES
from keepwell.app.rights import FACE
from keepwell.app.table import operations
from keepwell.config.hub_model import HubEntry
from tests.api.made import ADMIN, READER, Asking, Told, add_keys, asking, bearer

JSON = {"content-type": "application/json"}


def is_error(told: Told, status: int, kind: str) -> bool:
    """True for an error document of this kind, with a status that fits."""
    document = told.json
    assert document["schema"] == "keepwell.error/1", document
    assert (told.status, document["kind"]) == (status, kind), document
    assert STATUSES[kind] == status
    assert document["error"]
    return True


async def test_reads_are_answered_by_get_and_by_post(tmp_path: Path) -> None:
    async with asking(tmp_path) as hub:
        for told in (await hub.get("/api/v1/runs"), await hub.post("/api/v1/runs", {})):
            assert (told.status, told.json["schema"]) == (200, "keepwell.runs/1")
            assert told.headers["x-keepwell-exit-code"] == "0"
            assert told.headers["x-content-type-options"] == "nosniff"
            assert told.headers["referrer-policy"] == "no-referrer"
            assert told.headers["cache-control"] == "no-store"
            assert "access-control-allow-origin" not in told.headers
        told = await hub.get("/api/v1/alerts/list")
        assert (told.status, told.headers["x-keepwell-exit-code"]) == (200, "3")
        by_query = await hub.get("/api/v1/alerts/history?last=2&incident=")
        assert by_query.json == (await hub.post("/api/v1/alerts/history", {"last": 2})).json
        assert is_error(await hub.get("/api/v1/explain?issue=nothing-like-it"), 400, "configuration")
        assert is_error(await hub.get("/api/v1/incident/show?incident=abc"), 409, "refused")


async def test_lists_are_names_given_again(tmp_path: Path) -> None:
    async with asking(tmp_path) as hub:
        told = await hub.get("/api/v1/status?level=1&targets=here&targets=nowhere")
        assert told.status == 401
        assert "status looks at a place" in told.json["error"]
        told = await hub.get("/api/v1/numbers?number=60&number=61")
        assert is_error(told, 400, "argument")


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/api/v1/alerts/history?last=0", 400, "argument"),
        ("/api/v1/alerts/history?last=soon", 400, "argument"),
        ("/api/v1/alerts/history?depth=1", 400, "argument"),
        ("/api/v1/explain", 400, "argument"),
        ("/api/v1/diagnose?evidence=/etc/passwd", 400, "argument"),
        ("/api/v1/models/list?engine=/etc", 400, "argument"),
        ("/api/v1/status?targets=/tmp/x.kwb", 400, "argument"),
        ("/api/v1/status?targets=x.kwb", 400, "argument"),
        ("/api/v1/compare?before=../secret", 400, "argument"),
        ("/api/v1/plan?what=ops@192.0.2.1", 400, "argument"),
        ("/api/v1/status?targets=ops@192.0.2.1", 401, "key-needed"),
        ("/api/v1/diagnose?level=3", 401, "key-needed"),
        ("/api/v1/diagnose?level=2&yes=true", 401, "key-needed"),
        ("/api/v1/smoke", 401, "key-needed"),
        ("/api/v1/discover?cidr=192.0.2.0/24", 401, "key-needed"),
        ("/api/v1/requests?body=1", 401, "key-needed"),
        ("/api/v1/issues?action=test", 401, "key-needed"),
        ("/api/v1/apply", 405, "method"),
        ("/api/v1/incident/list?recheck=true", 405, "method"),
        ("/api/v1/key", 404, "not-found"),
        ("/api/v1/jobs/run", 404, "not-found"),
        ("/api/v1/runs/", 404, "not-found"),
        ("/api/v1/work/nothing", 404, "not-found"),
        ("/api/v1/events?topic=secrets", 400, "argument"),
    ],
)
async def test_what_is_not_taken_is_refused_with_a_kind(tmp_path: Path, path: str, status: int, kind: str) -> None:
    async with asking(tmp_path) as hub:
        assert is_error(await hub.get(path), status, kind)


async def test_bodies_are_json_objects_and_bounded(tmp_path: Path) -> None:
    async with asking(tmp_path) as hub:

        async def send(body: bytes, **headers: str) -> Told:
            from tests.api.made import send as ask

            told = {name.replace("_", "-"): value for name, value in headers.items()}
            return await asyncio.to_thread(ask, hub.port, "POST", "/api/v1/runs", body, told)

        assert is_error(await send(b"[1]"), 400, "argument")
        assert is_error(await send(b"{"), 400, "argument")
        assert is_error(await send(b"[" * 100_000), 400, "argument")
        assert is_error(await send(b"a=b", content_type="application/x-www-form-urlencoded"), 415, "media-type")
        assert (await send(b"{}", content_type="application/json; charset=utf-8")).status == 200
        assert (await send(b"")).status == 200
        assert is_error(await send(b" " * (BODY_BYTES + 1)), 413, "body-too-large")
        assert is_error(await hub.post("/api/v1/runs?a=1", {}), 400, "argument")
        log = "CUDA error: out of memory\n" * 30_000
        assert (await hub.post("/api/v1/diagnose", {"text": log})).json["schema"] == "keepwell.diagnosis/1"


async def test_a_body_without_a_length_is_bounded_too(tmp_path: Path) -> None:
    async with asking(tmp_path) as hub:
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write(b"POST /api/v1/runs HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
        for _ in range(20):
            writer.write(piece)
        head = await reader.readuntil(b"\r\n")
        assert b" 413 " in head
        writer.close()


async def test_changes_need_the_right(tmp_path: Path) -> None:
    add_keys(tmp_path)
    async with asking(tmp_path, host="0.0.0.0") as hub:
        given = {"incident": "nothing"}
        assert is_error(await hub.post("/api/v1/alerts/ack", given), 401, "key-needed")
        assert (await hub.post("/api/v1/alerts/ack", given)).headers["www-authenticate"] == "Bearer"
        assert is_error(await hub.post("/api/v1/alerts/ack", given, bearer("kw-wrong")), 401, "key-needed")
        assert is_error(await hub.post("/api/v1/alerts/ack", given, bearer(READER)), 403, "not-allowed")
        for right in (bearer(ADMIN), hub.owner):
            told = await hub.post("/api/v1/alerts/maintenance", {"subject": "node:gpu01", "for": "1h"}, right)
            assert (told.status, told.json["schema"]) == (200, "keepwell.alerts/1")
        assert len((await hub.get("/api/v1/alerts/list", bearer(READER))).json["maintenance"]) == 1


async def test_no_change_of_the_table_is_reachable_without_its_right(tmp_path: Path) -> None:
    """Every one is asked for with all of its needed arguments, so that nothing but the right is missing."""
    add_keys(tmp_path)
    async with asking(tmp_path) as hub:
        for one in operations(FACE):
            if one.effect == "read" or one.reads_without:
                continue
            path = f"/api/v1/{one.name.replace(' ', '/')}"
            given: dict[str, Any] = {row.name.rstrip("_"): "x" for row in one.parameters(FACE) if row.required}
            assert is_error(await hub.get(path), 405, "method")
            assert is_error(await hub.post(path, given), 401, "key-needed"), one.name
            assert is_error(await hub.post(path, given, bearer(READER)), 403, "not-allowed"), one.name
        assert hub.answering is not None
        assert (await hub.get("/api/v1/work", hub.owner)).json["work"] == []


async def test_pages_of_other_places_may_not_even_look(tmp_path: Path) -> None:
    async with asking(tmp_path, HubEntry(hosts=("gpu.lan",))) as hub:
        for headers, status, kind in (
            ({"origin": "https://evil.example"}, 403, "not-allowed"),
            ({"sec-fetch-site": "cross-site"}, 403, "not-allowed"),
            ({"host": "evil.example"}, 421, "not-our-name"),
        ):
            assert is_error(await hub.get("/api/v1/runs", headers), status, kind)
            assert is_error(await hub.post("/api/v1/runs", {}, headers), status, kind)
        assert is_error(await hub.get("/api/v1/runs", method="OPTIONS"), 405, "method")
        assert (await hub.get("/api/v1/runs", {"host": "gpu.lan"})).status == 200


async def test_long_work_is_asked_for_later_and_can_be_stopped(tmp_path: Path) -> None:
    add_keys(tmp_path)
    async with asking(tmp_path) as hub:
        later = {"prefer": "respond-async", **bearer(READER)}
        told = await hub.get("/api/v1/numbers?number=60", later)
        place = told.headers["location"]
        assert (told.status, told.json["schema"], told.json["asked_by"]) == (202, "keepwell.work/1", "reader")
        done = await _until_over(hub, place, bearer(READER))
        assert (done["stage"], done["answer"]["schema"]) == ("done", "keepwell.numbers/1")
        assert is_error(await hub.get(place), 404, "not-found")
        assert (await hub.get(place, hub.owner)).status == 200
        listed = await hub.get("/api/v1/work", bearer(READER))
        assert [one["operation"] for one in listed.json["work"]] == ["numbers"]
        assert (await hub.get("/api/v1/work")).json["work"] == []
        given = {"route": "nothing", "to": "else"}
        begun = await hub.post("/api/v1/drain", {"name": "gpu01", "wait": True}, {**later, **bearer(ADMIN)})
        assert begun.status == 202
        assert is_error(await hub.get(begun.headers["location"], bearer(READER), "DELETE"), 404, "not-found")
        assert is_error(await hub.get(begun.headers["location"], hub.owner, "PUT"), 405, "method")
        assert (await hub.get(begun.headers["location"], hub.owner, "DELETE")).status == 202
        over = await _until_over(hub, begun.headers["location"], hub.owner)
        assert over["stage"] in ("stopped", "failed", "done")
        failed = await hub.post("/api/v1/migrate/switch", given, {**later, **bearer(ADMIN)})
        assert (await _until_over(hub, failed.headers["location"], hub.owner))["answer"]["schema"] == "keepwell.error/1"


async def _until_over(hub: Asking, place: str, headers: dict[str, str]) -> dict[str, Any]:
    while True:
        told: dict[str, Any] = (await hub.get(place, headers)).json
        if told["stage"] not in ("waiting", "running"):
            return told
        await asyncio.sleep(0.02)


async def test_the_index_lists_every_operation(tmp_path: Path) -> None:
    async with asking(tmp_path) as hub:
        told = await hub.get("/api/v1/")
        assert [one["name"] for one in told.json["operations"]] == [one.name for one in operations(FACE)]
        assert told.json["may_change"] is False
        assert (await hub.get("/api/v1/", hub.owner)).json["may_change"] is True
