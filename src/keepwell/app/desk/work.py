"""Goes on with every batch of the desk until it has ended: looks its input through, asks the gateway, makes its files.

Each step can be begun again: whatever is killed, the next process goes on where the journal and the record stand.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote

from keepwell.batch.item import Outcome, Task
from keepwell.batch.job import Bounds, Job, Target, Told
from keepwell.batch.reading import Checked, FileSource, Input, check_input
from keepwell.batch.runner import Run
from keepwell.batch.writing import OpenAiForm, render_batch_line
from keepwell.core.clock import Clock
from keepwell.core.errors import KeepwellError
from keepwell.gateway.door import load_plates
from keepwell.store.batch_state import BatchBegin
from keepwell.store.batches import BatchJournal, open_batch
from keepwell.store.desk import DESK_FOLDER, ENDED, Desk, DeskBatch, DeskFile, Fault, make_id

#: Batches at work at once; the others wait in the order of their coming. And requests of one at once, at most.
BATCHES, AT_ONCE = 4, 16
#: Seconds between two looks at what is asked of a batch, before something that failed is tried again, and for what is
#: in flight when a batch is cancelled or the gateway moved.
LOOK_SECONDS, PAUSE_SECONDS, FLIGHT_SECONDS = 0.5, 5.0, 60.0
OUTPUT, ERRORS = "output.jsonl", "errors.jsonl"


class Worker:
    """All batches of one desk."""

    def __init__(self, state: Path, desk: Desk, secret: str, clock: Clock, tell: Callable[[str], None]) -> None:
        self._state = state
        self._desk = desk
        self._secret = secret
        self._clock = clock
        self._tell = tell
        self._changed = asyncio.Event()
        self._working: dict[str, asyncio.Task[None]] = {}

    def look(self) -> None:
        """Something was asked for: see at once what is to be done."""
        self._changed.set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._changed.clear()
                self._begin()
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_SECONDS):
                        await self._changed.wait()
                await asyncio.to_thread(self._sweep)
        finally:
            for one in self._working.values():
                one.cancel()
            await asyncio.gather(*self._working.values(), return_exceptions=True)

    def _begin(self) -> None:
        """Give free places to the oldest batches that wait."""
        for name, task in list(self._working.items()):
            if task.done():
                del self._working[name]
                error = task.exception()
                if error is not None:
                    self._tell(f"batch {name}: {error!r}; it is tried again")
        for batch in reversed([one for one in self._desk.batches() if one.status not in ENDED]):
            if len(self._working) < BATCHES and batch.id not in self._working:
                self._working[batch.id] = asyncio.create_task(self._work(batch.id))

    async def _work(self, name: str) -> None:
        try:
            await self._go_on(name)
        except KeepwellError as error:
            self._tell(f"batch {name}: {error}; it is tried again")
            await asyncio.sleep(PAUSE_SECONDS)
        self._changed.set()

    async def _go_on(self, name: str) -> None:
        """From where it stands to its end."""
        batch = self._desk.get_batch(name)
        source = Input(path=self._desk.path(batch.input_file_id), endpoint=batch.endpoint)
        checked = await asyncio.to_thread(check_input, source)
        if batch.status == "validating":
            batch = self._judge(batch, checked)
        if batch.status == "failed":
            return
        job = partial(self._make_job, batch, source, checked)
        if batch.status != "finalizing":
            await self._ask(batch, job)
        await self._finish(name, job)

    def _judge(self, batch: DeskBatch, checked: Checked) -> DeskBatch:
        """Whether the input is one. A batch that was cancelled meanwhile stays so."""
        faults = [Fault(code="invalid_line", message=one.message, line=one.line) for one in checked.bad]
        if not checked.count:
            faults = [Fault(code="empty_file", message="the file has no lines")]
        if faults:
            return self._desk.change(batch.id, status="failed", errors=tuple(faults), total=checked.count)
        batch = self._desk.change(batch.id, total=checked.count)
        if batch.status == "validating":
            batch = self._desk.change(batch.id, status="in_progress")
        return batch

    def _make_job(self, batch: DeskBatch, source: Input, checked: Checked, url: str) -> Job:
        return Job(
            source=FileSource(source, checked),
            targets=(Target(url=url, api_key=f"{self._secret}:{quote(batch.owner, safe='')}"),),
            writes=OpenAiForm(_prefix(batch)),
            bounds=Bounds(concurrency=AT_ONCE, adapts=True, until=float(batch.expires_at)),
            manifest={"input": checked.digest},
            total=checked.count,
        )

    def _open(self, batch: DeskBatch, job: Job) -> BatchJournal:
        folder = self._desk.folder(batch.id)
        begin = BatchBegin(
            manifest=job.manifest, output=str(folder / OUTPUT), errors=str(folder / ERRORS), total=job.total
        )
        return open_batch(self._state / DESK_FOLDER, batch.id, begin, owner=socket.gethostname(), now=time.time())

    async def _ask(self, batch: DeskBatch, job: Callable[[str], Job]) -> None:
        """Until all have their outcome, the window is over, or it is cancelled; the gateway may come and go."""
        name, ended = batch.id, ""
        while not ended:
            batch = self._desk.get_batch(name)
            if batch.status == "cancelling":
                ended = "cancelled"
            elif time.time() >= batch.expires_at:
                ended = "expired"
            else:
                url = self._find_gateway()
                if not url:
                    await asyncio.sleep(LOOK_SECONDS)
                    continue
                with self._open(batch, job(url)) as journal:
                    told = await self._run(batch, Run(job(url), journal, self._clock), url)
                ended = {"done": "completed", "until": "expired"}.get(told.ended, "")
                if told.ended == "unreachable":
                    await asyncio.sleep(PAUSE_SECONDS)
        self._desk.change(
            name, status="finalizing", ending=ended, output_file_id=make_id("file-"), error_file_id=make_id("file-")
        )

    async def _run(self, batch: DeskBatch, run: Run, url: str) -> Told:
        """One run; what the record says is looked at meanwhile."""
        going = asyncio.create_task(run.go())
        try:
            while not going.done():
                await asyncio.wait([going], timeout=LOOK_SECONDS)
                told = run.told()
                found = self._desk.change(batch.id, completed=told.answered, failed=sum(told.troubles.values()))
                if found.status == "cancelling":
                    run.stop("cancelled", seconds=FLIGHT_SECONDS)
                elif self._find_gateway() not in ("", url):
                    run.stop("moved", seconds=FLIGHT_SECONDS)
            return going.result()
        finally:
            if not going.done():
                run.stop_now()
                await asyncio.wait([going])

    def _find_gateway(self) -> str:
        """Where the gateway's newest process serves this machine; "" where none does."""
        plates = [one for one in load_plates(self._state) if one.inside]
        if not plates:
            return ""
        return f"http://127.0.0.1:{plates[-1].inside}"

    async def _finish(self, name: str, job: Callable[[str], Job]) -> None:
        """Make files of what came of it, then let go of the journal."""
        batch = self._desk.get_batch(name)
        folder = self._desk.folder(name)
        late = 0
        if batch.ending == "expired":
            made = job("http://127.0.0.1:9")  # nobody is asked any more
            with self._open(batch, made) as journal:
                late = await asyncio.to_thread(_write_late, made, journal, folder / "late.jsonl", _prefix(batch))
        output = await asyncio.to_thread(self._keep, batch, batch.output_file_id, [OUTPUT])
        errors = await asyncio.to_thread(self._keep, batch, batch.error_file_id, [ERRORS, "late.jsonl"])
        batch = self._desk.change(
            name,
            status=batch.ending,
            output_file_id=output,
            error_file_id=errors,
            failed=max(batch.failed, _count_lines(folder / ERRORS) + late),
            completed=_count_lines(folder / OUTPUT),
        )
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _keep(self, batch: DeskBatch, name: str, parts: list[str]) -> str:
        """Make a file of these; "" where there is nothing in them."""
        paths = [self._desk.folder(batch.id) / one for one in parts]
        size = sum(one.stat().st_size for one in paths if one.exists())
        if not size:
            return ""
        self._desk.require_room(size)
        beside = self._desk.incoming / f"{name}.part"
        with beside.open("wb") as out:
            for path in paths:
                if path.exists():
                    with path.open("rb") as part:
                        shutil.copyfileobj(part, out, 1024 * 1024)
        found = DeskFile(
            id=name,
            owner=batch.owner,
            name=f"{batch.id}_{parts[0]}",
            purpose="batch_output",
            size=size,
            made_at=int(time.time()),
        )
        self._desk.add_file(beside, found)
        return name

    def _sweep(self) -> None:
        """Let go of files whose time is over."""
        now = time.time()
        for one in self._desk.files():
            if 0 < one.expires_at <= now:
                self._desk.remove_file(one.id)


def _prefix(batch: DeskBatch) -> str:
    return f"batch_req_{batch.id.partition('_')[2]}_"


def _write_late(job: Job, journal: BatchJournal, path: Path, prefix: str) -> int:
    """A line for each task that nobody was asked any more; how many."""
    count = 0
    with path.open("wb") as out:
        for task in job.source.read(journal.is_done):
            out.write(render_batch_line(_make_late(task), f"{prefix}{task.number}"))
            count += 1
    return count


def _make_late(task: Task) -> Outcome:
    message = "This request could not be executed before the completion window expired."
    return Outcome(number=task.number, custom_id=task.custom_id, trouble="expired", message=message, attempts=0)


def _count_lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(1 for _ in file)
    except FileNotFoundError:
        return 0
