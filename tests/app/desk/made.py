"""A data plane before a fake engine, a desk that is kept beside it, and official clients."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import openai
from openai.types import Batch

from keepwell.app.desk.keeping import DeskKeeper
from keepwell.store.keys import Key, add_key, digest_secret
from keepwell.testing.engine import FakeEngine
from tests.gateway.made import MODEL
from tests.gateway.planes import RunningPlane, running_plane
from tests.support import eventually_async

CHAT = "/v1/chat/completions"
#: Statuses after which nothing changes; seconds for a batch of these tests to come to one.
ENDED = ("completed", "failed", "expired", "cancelled")
SECONDS = 60.0


@dataclass
class RunningDesk:
    """The plane, the desk's keeper, the engine, and what was told."""

    plane: RunningPlane
    keeper: DeskKeeper
    engine: FakeEngine
    told: list[str]

    def client(self, name: str) -> openai.AsyncOpenAI:
        """The official client of the key with this name."""
        url = f"http://127.0.0.1:{self.plane.port}/v1"
        return openai.AsyncOpenAI(base_url=url, api_key=f"kw-{name}", max_retries=0, timeout=SECONDS)


@contextlib.asynccontextmanager
async def running_desk(state: Path, names: Sequence[str] = ("ada", "bob")) -> AsyncIterator[RunningDesk]:
    """With a key for each of these names."""
    for name in names:
        add_key(state, Key(name=name, digest=digest_secret(f"kw-{name}")))
    told: list[str] = []
    keeper = DeskKeeper(state, told.append)
    async with FakeEngine("vllm") as engine, keeper.keep(), running_plane(state, engine) as plane:
        yield RunningDesk(plane, keeper, engine, told)


def make_lines(names: Iterable[str], url: str = CHAT) -> bytes:
    """A batch of one chat a name."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "count"}]}
    lines = [{"custom_id": name, "method": "POST", "url": url, "body": body} for name in names]
    return b"\n".join(json.dumps(one).encode() for one in lines)


async def begin(client: openai.AsyncOpenAI, content: bytes, window: str = "24h") -> Batch:
    """Upload and begin."""
    made = await client.files.create(file=("in.jsonl", content), purpose="batch")
    return await client.batches.create(input_file_id=made.id, endpoint=CHAT, completion_window=window)  # type: ignore[arg-type]


async def wait_for(client: openai.AsyncOpenAI, batch: str) -> Batch:
    """Until it has ended."""

    async def has_ended() -> bool:
        return (await client.batches.retrieve(batch)).status in ENDED

    await eventually_async(has_ended, SECONDS, f"{batch} to end")
    return await client.batches.retrieve(batch)


async def read_lines(client: openai.AsyncOpenAI, name: str | None) -> list[dict[str, object]]:
    """The lines of a file, () for none."""
    if name is None:
        return []
    content = await client.files.content(name)
    return [json.loads(line) for line in content.text.splitlines()]
