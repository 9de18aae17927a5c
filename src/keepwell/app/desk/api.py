"""What the desk answers: `/v1/files` and `/v1/batches` as OpenAI's clients ask for them. Every owner sees their own.

It is asked by the gateway alone, which proves itself by the desk's secret and tells whose request it is.
"""

from __future__ import annotations

import asyncio
import hmac
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from keepwell.app.desk.shapes import (
    Refusal,
    parse_expiry,
    parse_wish,
    render_batch,
    render_error,
    render_file,
    render_page,
)
from keepwell.core.errors import KeepwellError, NotThere, TooLarge
from keepwell.store.desk import ENDED, Desk, DeskBatch, DeskFile, make_id

#: The header in which the gateway tells whose key it is, percent-encoded.
OWNER = "x-keepwell-key"
#: Bytes of one upload: five times what OpenAI takes. It comes through the gateway without being kept there.
UPLOAD_BYTES = 1024 * 1024 * 1024
#: Bytes of the JSON that asks for a batch, files and batches of one owner that are kept, characters of a file's name.
ASKED_BYTES, OWNED, NAME_CHARACTERS = 64 * 1024, 10_000, 255
#: Rows of a list, as asked for at most and where nothing is said.
MOST_ROWS, USUAL_ROWS = 10_000, 100

_Answering = Callable[[Request, str], Awaitable[Response]]
_Listed = TypeVar("_Listed", DeskFile, DeskBatch)


def make_app(desk: Desk, secret: str, changed: Callable[[], None]) -> Starlette:
    """The application; `changed` is called when a batch was asked for, or is to be cancelled."""
    answers = _Answers(desk, changed)
    ways: Iterable[tuple[str, str, _Answering]] = (
        ("POST", "/v1/files", answers.create_file),
        ("GET", "/v1/files", answers.list_files),
        ("GET", "/v1/files/{name}", answers.get_file),
        ("DELETE", "/v1/files/{name}", answers.delete_file),
        ("GET", "/v1/files/{name}/content", answers.get_content),
        ("POST", "/v1/batches", answers.create_batch),
        ("GET", "/v1/batches", answers.list_batches),
        ("GET", "/v1/batches/{name}", answers.get_batch),
        ("POST", "/v1/batches/{name}/cancel", answers.cancel_batch),
    )
    routes = [Route(path, partial(_answer, secret, way), methods=[method]) for method, path, way in ways]
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_such})


async def _answer(secret: str, way: _Answering, request: Request) -> Response:
    """The answer, or why there is none."""
    shown = request.headers.get("authorization", "").encode("latin-1", "replace")
    try:
        if not hmac.compare_digest(shown, f"Bearer {secret}".encode()):
            raise Refusal(403, "the desk is asked through the gateway")
        return await way(request, unquote(request.headers.get(OWNER, "")))
    except ClientDisconnect:  # whoever uploaded has left, and nobody reads this
        return Response(status_code=400)
    except Refusal as refusal:
        return JSONResponse(render_error(refusal), refusal.status)
    except NotThere as error:
        return JSONResponse(render_error(Refusal(404, error.what, code="not_found")), 404)
    except TooLarge as error:
        return JSONResponse(render_error(Refusal(507, error.what, code="no_room")), 507)
    except KeepwellError as error:
        return JSONResponse(render_error(Refusal(500, str(error), code="storage")), 500)


async def _no_such(request: Request, error: Exception) -> Response:
    status = 404
    if isinstance(error, HTTPException):
        status = error.status_code
    refusal = Refusal(status, f"no such path or method here: {request.method} {request.url.path[:200]}")
    return JSONResponse(render_error(refusal), status)


class _Answers:
    """One method a way."""

    def __init__(self, desk: Desk, changed: Callable[[], None]) -> None:
        self._desk = desk
        self._changed = changed

    async def create_file(self, request: Request, owner: str) -> Response:
        """Take a file in."""
        size = request.headers.get("content-length", "")
        if not size.isdecimal() or int(size) > UPLOAD_BYTES:
            raise Refusal(413, f"a file has at most {UPLOAD_BYTES} bytes, and tells how many it has")
        self._desk.require_room(2 * int(size))
        if sum(1 for one in self._desk.files() if one.owner == owner) >= OWNED:
            raise Refusal(429, f"there are {OWNED} files already; delete some", code="too_many_files")
        async with request.form(max_files=1, max_fields=8, max_part_size=ASKED_BYTES) as form:
            upload, purpose = form.get("file"), form.get("purpose")
            if not isinstance(upload, UploadFile):
                raise Refusal(400, "the form has no file", param="file")
            if purpose != "batch":
                raise Refusal(400, "files are taken for the purpose batch", param="purpose")
            kept = parse_expiry(form.get("expires_after[anchor]"), form.get("expires_after[seconds]"))
            found = await asyncio.to_thread(self._keep, upload, owner, kept)
        return JSONResponse(render_file(found))

    def _keep(self, upload: UploadFile, owner: str, kept: int) -> DeskFile:
        name, now = make_id("file-"), int(time.time())
        beside = self._desk.incoming / f"{name}.part"
        try:
            with beside.open("wb") as out:
                upload.file.seek(0)
                shutil.copyfileobj(upload.file, out, 1024 * 1024)
                size = out.tell()
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise TooLarge(f"the file could not be kept: {error.strerror}") from error
        expires = (now + kept) * bool(kept)
        shown = (upload.filename or "file")[:NAME_CHARACTERS]
        found = DeskFile(id=name, owner=owner, name=shown, purpose="batch", size=size, made_at=now, expires_at=expires)
        self._desk.add_file(beside, found)
        return found

    async def list_files(self, request: Request, owner: str) -> Response:
        """Files, the newest first."""
        purpose = request.query_params.get("purpose", "")
        mine = (one for one in self._files(owner) if not purpose or one.purpose == purpose)
        rows, more = _cut(mine, request)
        return JSONResponse(render_page([render_file(one) for one in rows], more=more))

    async def get_file(self, request: Request, owner: str) -> Response:
        """One file."""
        return JSONResponse(render_file(self._own_file(request.path_params["name"], owner)))

    async def delete_file(self, request: Request, owner: str) -> Response:
        """Let go of a file, unless a batch still reads it."""
        found = self._own_file(request.path_params["name"], owner)
        reader = next(
            (one for one in self._desk.batches() if one.input_file_id == found.id and one.status not in ENDED), None
        )
        if reader is not None:
            raise Refusal(409, f"the batch {reader.id} still reads it; cancel that first", code="in_use")
        self._desk.remove_file(found.id)
        return JSONResponse({"id": found.id, "object": "file", "deleted": True})

    async def get_content(self, request: Request, owner: str) -> Response:
        """The bytes of a file."""
        found = self._own_file(request.path_params["name"], owner)
        return FileResponse(self._desk.path(found.id), media_type="application/octet-stream")

    async def create_batch(self, request: Request, owner: str) -> Response:
        """Begin a batch."""
        wish = parse_wish(await _read_json(request))
        try:
            self._own_file(wish.input_file_id, owner)
        except NotThere as error:
            raise Refusal(400, error.what, param="input_file_id", code="invalid_input_file") from error
        if sum(1 for one in self._desk.batches() if one.owner == owner) >= OWNED:
            raise Refusal(429, f"there are {OWNED} batches already", code="too_many_batches")
        now = int(time.time())
        made = DeskBatch(
            id=make_id("batch_"),
            owner=owner,
            endpoint=wish.endpoint,
            input_file_id=wish.input_file_id,
            window=wish.window,
            created_at=now,
            expires_at=now + wish.seconds,
            metadata=wish.metadata,
        )
        self._desk.save_batch(made)
        self._changed()
        return JSONResponse(render_batch(made))

    async def list_batches(self, request: Request, owner: str) -> Response:
        """Batches, the newest first."""
        rows, more = _cut((one for one in self._desk.batches() if one.owner == owner), request)
        return JSONResponse(render_page([render_batch(one) for one in rows], more=more))

    async def get_batch(self, request: Request, owner: str) -> Response:
        """One batch."""
        return JSONResponse(render_batch(self._own_batch(request.path_params["name"], owner)))

    async def cancel_batch(self, request: Request, owner: str) -> Response:
        """Begin nothing more of a batch; what is at work is waited for."""
        found = self._own_batch(request.path_params["name"], owner)
        if found.status in ENDED or found.status == "finalizing":
            raise Refusal(409, f"the batch is {found.status} already", code="ended")
        if found.status != "cancelling":
            found = self._desk.change(found.id, status="cancelling")
            self._changed()
        return JSONResponse(render_batch(found))

    def _files(self, owner: str) -> Iterator[DeskFile]:
        now = time.time()
        return (one for one in self._desk.files() if one.owner == owner and not 0 < one.expires_at <= now)

    def _own_file(self, name: str, owner: str) -> DeskFile:
        found = self._desk.get_file(name)
        if found.owner != owner or 0 < found.expires_at <= time.time():
            raise NotThere(f"there is no {name!r}")
        return found

    def _own_batch(self, name: str, owner: str) -> DeskBatch:
        found = self._desk.get_batch(name)
        if found.owner != owner:
            raise NotThere(f"there is no {name!r}")
        return found


async def _read_json(request: Request) -> Any:
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > ASKED_BYTES:
            raise Refusal(413, f"the body has more than {ASKED_BYTES} bytes")
    try:
        return msgspec.json.decode(b"".join(parts))
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is no JSON: {error}") from error


def _cut(rows: Iterable[_Listed], request: Request) -> tuple[list[_Listed], bool]:
    """The rows behind `after`, as many as asked for; and whether there are more."""
    asked = request.query_params
    limit = asked.get("limit", str(USUAL_ROWS))
    if not limit.isascii() or not limit.isdecimal() or not 1 <= int(limit[:9]) <= MOST_ROWS:
        raise Refusal(400, f"limit is between 1 and {MOST_ROWS}", param="limit")
    found = list(rows)
    if asked.get("order") == "asc":
        found.reverse()
    after = asked.get("after", "")
    if after:
        places = [place for place, one in enumerate(found) if one.id == after]
        if not places:
            raise Refusal(400, f"after names nothing in the list: {after[:60]!r}", param="after")
        found = found[places[0] + 1 :]
    return found[: int(limit)], len(found) > int(limit)
