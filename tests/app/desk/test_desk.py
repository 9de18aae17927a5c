"""The official client's batches at the gateway: files, batches, rights, errors; and what ends before it is done."""

from __future__ import annotations

import time
from pathlib import Path

import openai
import pytest

from keepwell.store.desk import Desk
from tests.app.desk.made import begin, make_lines, read_lines, running_desk, wait_for


async def test_the_official_client_s_batches(tmp_path: Path) -> None:
    names = [f"r{one}" for one in range(40)]
    async with running_desk(tmp_path) as desk, desk.client("ada") as ada, desk.client("bob") as bob:
        assert desk.keeper.process == 0  # nobody asked yet
        good = await begin(ada, b"\xef\xbb\xbf" + make_lines(names))
        bad = await begin(ada, make_lines(["a", "b", "a"]) + b"\n{", "1h")
        other = await begin(ada, make_lines(["a"], "/v1/embeddings"))

        done = await wait_for(ada, good.id)
        assert (done.status, done.error_file_id) == ("completed", None)
        assert done.request_counts is not None
        assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (40, 40, 0)
        lines = await read_lines(ada, done.output_file_id)
        assert sorted(str(one["custom_id"]) for one in lines) == sorted(names)
        assert {one["response"]["status_code"] for one in lines} == {200}  # type: ignore[index]

        spoilt = await wait_for(ada, bad.id)
        assert spoilt.status == "failed"
        assert spoilt.errors is not None
        assert [one.line for one in spoilt.errors.data or []] == [3, 4]
        elsewhere = await wait_for(ada, other.id)
        assert elsewhere.errors is not None
        assert "the batch is for /v1/chat/completions" in str((elsewhere.errors.data or [])[0].message)

        # everybody sees their own
        assert [one.id async for one in bob.files.list()] == []
        assert [one.id async for one in bob.batches.list()] == []
        for ask in (bob.files.retrieve, bob.files.delete, bob.files.content):
            with pytest.raises(openai.NotFoundError):
                await ask(good.input_file_id)
        with pytest.raises(openai.BadRequestError, match="there is no"):
            await begin_on(bob, good.input_file_id)
        with pytest.raises(openai.NotFoundError):
            await bob.batches.cancel(good.id)

        assert [one.id async for one in ada.batches.list(limit=2)] == [other.id, bad.id, good.id]
        assert len([one async for one in ada.files.list(purpose="batch")]) == 3
        assert (await ada.files.delete(good.input_file_id)).deleted
        with pytest.raises(openai.NotFoundError):
            await ada.files.retrieve(good.input_file_id)
        await _refuses_what_is_no_batch(ada, bad.input_file_id)
        await _ends_what_is_late_or_unwanted(tmp_path, ada, bad.input_file_id)
        with pytest.raises(openai.AuthenticationError):
            await ada.with_options(api_key="kw-nobody").files.list()
    assert desk.told == []


async def _refuses_what_is_no_batch(client: openai.AsyncOpenAI, name: str) -> None:
    with pytest.raises(openai.BadRequestError, match="purpose"):
        await client.files.create(file=("x", b"x"), purpose="vision")
    with pytest.raises(openai.BadRequestError, match="completion_window"):
        await begin_on(client, name, window="soon")
    with pytest.raises(openai.BadRequestError, match="endpoint"):
        await begin_on(client, name, endpoint="/v1/files")
    with pytest.raises(openai.ConflictError, match="failed already"):
        await client.batches.cancel((await client.batches.list(limit=2)).data[1].id)
    with pytest.raises(openai.NotFoundError):
        await client.get("/files/x/y/z", cast_to=object)


async def _ends_what_is_late_or_unwanted(state: Path, client: openai.AsyncOpenAI, name: str) -> None:
    """A batch whose window is over has an error for every line; one that was cancelled begins nothing more."""
    content = make_lines(["late", "later"])
    late = await begin(client, content)
    Desk(state).change(late.id, expires_at=int(time.time()))
    done = await wait_for(client, late.id)
    if done.status == "expired":  # else it was quicker than this test
        lines = await read_lines(client, done.error_file_id)
        lines += await read_lines(client, done.output_file_id)
        assert sorted(str(one["custom_id"]) for one in lines) == ["late", "later"]
    unwanted = await begin(client, make_lines(str(one) for one in range(600)))
    assert (await client.batches.cancel(unwanted.id)).status == "cancelling"
    with pytest.raises(openai.ConflictError, match="still reads"):
        await client.files.delete(unwanted.input_file_id)
    assert (await wait_for(client, unwanted.id)).status == "cancelled"


async def begin_on(
    client: openai.AsyncOpenAI, name: str, *, window: str = "24h", endpoint: str = "/v1/chat/completions"
) -> None:
    """Of a file that is there."""
    await client.batches.create(input_file_id=name, endpoint=endpoint, completion_window=window)  # type: ignore[arg-type]
