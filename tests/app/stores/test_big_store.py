"""A real Ollama with a large, damaged store: verified as fast as the machine hashes, cleaned, and moved to another
folder while clients of a real gateway ask for answers.

KEEPWELL_STORE_GIGABYTES says how large (1.1 if not said); twice of that has to be free.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from keepwell.app.applying.carrying import apply_run
from keepwell.app.operation import Caller
from keepwell.app.stores.cleaning import plan_cleaning
from keepwell.app.stores.verifying import verify
from keepwell.gateway.choice.cordons import load_cordons
from keepwell.testing.tiny_model import TinyModel
from tests.app.stores.test_real_store import listed, plant
from tests.engines.real import PATIENCE, RealEngine, chat, give, make_model, ollama
from tests.gateway.made import Answered
from tests.gateway.processes import Gateway, Load, during, gateway
from tests.planted import LIBRARY
from tests.support import eventually_async

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
#: Sizes of the large blobs, as shares of the whole.
SHARES = (0.4, 0.25, 0.15, 0.1, 0.05, 0.05)
BODY = json.dumps({"model": "good", "max_tokens": 4, "messages": [{"role": "user", "content": "hello"}]}).encode()
#: Share of the bare loop's speed that is asked for, and rounds of both.
BAR, ROUNDS = 0.9, 3


def judge(answer: Answered) -> str:
    return {200: "well"}.get(answer.status, f"{answer.status}: {answer.body[:200]!r}")


def fill(root: Path, total: int) -> None:
    """Large models of random bytes, which nobody loads."""
    for number, share in enumerate(SHARES):
        beside, made = root / "blobs" / "new", hashlib.sha256()
        with beside.open("wb") as file:
            for _ in range(int(total * share) >> 20):
                piece = os.urandom(1 << 20)
                made.update(piece)
                file.write(piece)
        row = {"mediaType": "application/vnd.ollama.image.model", "size": beside.stat().st_size}
        beside.rename(root / "blobs" / f"sha256-{made.hexdigest()}")
        row["digest"] = f"sha256:{made.hexdigest()}"
        path = root / LIBRARY / f"large{number}" / "latest"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"schemaVersion": 2, "config": row, "layers": [row]}))


def digests_of(root: Path) -> dict[str, str]:
    """Of every file, read as anybody would, on all cores."""

    def digest(path: Path) -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    paths = [path for path in sorted(root.rglob("*")) if path.is_file()]
    paths.sort(key=lambda path: -path.stat().st_size)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return {str(path.relative_to(root)): made for path, made in zip(paths, pool.map(digest, paths), strict=True)}


@contextmanager
def scene(folder: Path, replicas: int, gigabytes: float) -> Iterator[tuple[Gateway, RealEngine, Path]]:
    """A gateway, the Ollama whose store is moved, and its store."""
    folder.mkdir()
    shapes = {n: make_model(folder / f"{n}.gguf", TinyModel(tag=n, name=n)) for n in ("good", "flipped", "closed")}
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        engines = []
        for number in range(replicas):
            home = folder / f"home{number}"
            home.mkdir()
            engines.append(stack.enter_context(ollama(home)))
            for name in ("good", "flipped", "closed")[: 3 - 2 * bool(number)]:
                give(engines[-1], shapes[name], name, num_thread=1)
        root = folder / "home0" / "models"
        fill(root, int(gigabytes * 1e9))
        plant(root)
        ports = [("ollama", int(one.url.rpartition(":")[2])) for one in engines]
        yield stack.enter_context(gateway(folder, ports, '[gateway]\nwait = "1m"\n')), engines[0], root


def compare_speeds(root: Path, caller: Caller) -> tuple[float, float]:
    """Bytes a second of the bare loop and of `models verify`, medians of turns; each over the blobs alone."""
    size = sum(path.stat().st_size for path in (root / "blobs").iterdir() if path.is_file())
    bare, ours = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        digests_of(root / "blobs")
        bare.append(size / (time.perf_counter() - began))
        report = asyncio.run(verify(caller, str(root)))
        (store,) = report.stores
        ours.append(store.bytes_read / report.read_seconds)
    return statistics.median(bare), statistics.median(ours)


async def move_under_load(running: Gateway, root: Path, target: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """What the command says while four clients ask, and what became of their requests."""
    load, answers = Load(running.port, judge, pause_seconds=0.05), []

    async def answered(count: int) -> None:
        async def enough() -> bool:
            return load.outcomes.total() >= count

        await eventually_async(enough, PATIENCE, f"{count} answers")

    async def act() -> None:
        await answered(20)
        ran = await running.run("models", "migrate", str(root), "--to", str(target), "--json")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        answers.append(json.loads(ran.stdout))
        await answered(load.outcomes.total() + 20)

    outcomes = await during(load, 4, BODY, act)
    return dict(answers[0]), dict(outcomes)


@pytest.mark.parametrize(("replicas", "share"), [(2, 1.0), (1, 0.2)])
def test_a_large_store_is_verified_cleaned_and_moved_while_it_serves(
    tmp_path: Path, replicas: int, share: float
) -> None:
    gigabytes = float(os.environ.get("KEEPWELL_STORE_GIGABYTES", "1.1")) * share
    with scene(tmp_path / "scene", replicas, gigabytes) as (running, engine, root):
        caller = Caller(state=running.state, config=running.config)
        bare, ours = compare_speeds(root, caller)
        print(f"{replicas} replicas: bare {bare / 1e6:.0f} MB/s, keepwell {ours / 1e6:.0f} MB/s: {ours / bare:.2f}")
        if share == 1.0:
            assert ours / bare >= BAR
        for _ in range(2):  # orphans stay as long as a bad manifest might name them
            (planned,) = asyncio.run(plan_cleaning(caller, str(root))).planned
            assert asyncio.run(apply_run(caller, planned.id)).outcome.state == "well"
        models, before = listed(engine), digests_of(root)
        target = tmp_path / "scene" / "big"
        moved, outcomes = asyncio.run(move_under_load(running, root, target))
        print(
            json.dumps({key: moved[key] for key in ("files", "bytes_copied", "copy_seconds", "away_seconds")}), outcomes
        )
        assert set(outcomes) == {"well"}, outcomes
        assert moved["corrupt"] == []
        assert digests_of(target) == before == digests_of(Path(moved["old"]))
        assert listed(engine) == models
        assert chat(engine, "good")
        assert load_cordons(running.state) == ()
        undone = running.keepwell("undo", moved["run"])
        assert undone.returncode == 0, undone.stdout + undone.stderr
        assert not root.is_symlink()
        assert chat(engine, "good")
