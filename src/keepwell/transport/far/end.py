"""The far end: does on its machine what keepwell asks over a stream of bytes. Started there by SSH or the agent.

Sent as text, with the other files far_*.py, to machines that have no keepwell: standard library
only, Python 3.7 or newer, nothing written, nothing left behind. The frames are those of wire.py; the calls those
of Transport and, if it was started with "changes", of Hands, with the same meaning as on the local machine. It
ends, and kills the commands that it started, when its input ends or when it hears nothing for a while.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import signal
import struct
import sys
import threading
import time
from collections import deque

from keepwell.transport.far.bulk import COPYING, COUNTING
from keepwell.transport.far.bulk import WORKING as DIGESTING
from keepwell.transport.far.entries import LOOKING, PUTTING
from keepwell.transport.far.files import CHANGING, READING
from keepwell.transport.far.gather import CALLS as GATHERING
from keepwell.transport.far.http import CALLS as ASKING
from keepwell.transport.far.job import LONGEST_SECONDS, PAYLOAD_BYTES, Job, Refusal
from keepwell.transport.far.waits import CALLS as RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from keepwell.transport.far.job import Done

#: See wire.py, whose these are.
MARK = b"\0keepwell far end 1\n"
HEADER_BYTES = 1024 * 1024
LENGTHS = struct.Struct("!II")
#: Seconds without a word from the other side after which it is taken for dead; a ping may set another number.
SILENCE_SECONDS = 60.0
#: Calls that wait or run at once; the other side asks for fewer, so more is a fault or an attack.
JOBS = 4096
#: Threads for calls of files, and for those that wait for a command or a server. Files cost processor time, which
#: one thread spends best; the next ones are for when that one waits for a disk, so many seconds.
QUICK_WORKERS = 4
PATIENCE_SECONDS = 0.03
SLOW_WORKERS = 64
#: Calls that hang for good (a dead network mount) before new ones of their kind are refused.
HANGING = 32
#: Bytes of answers that may wait to be sent before those who make them have to wait too.
UNSENT_BYTES = 4 * 1024 * 1024
#: Seconds for a killed command to be gone before its call is answered without it.
KILL_SECONDS = 2.0
PIECE_BYTES = 256 * 1024
WAITING = {**RUNNING, **ASKING, **DIGESTING, **COPYING}
NO_SUCH_CALL = ("AccessError", "the far end knows no such call")
NO_CHANGES = ("NotPermitted", "the far end was started for looking only")


class Workers:
    """Threads that do jobs. One more is started when a job waits and nobody has taken one for `patience` seconds,
    up to a limit; one that hangs is replaced.
    """

    def __init__(self, most: int, patience: float, work: Callable[[Job], None]) -> None:
        self.most = most
        self.patience = patience
        self.work = work
        self.waiting: deque[Job] = deque()
        self.change = threading.Condition()
        self.threads = 0
        self.idle = 0
        self.hanging = 0
        self.taken = 0.0
        self.closed = False

    def put(self, job: Job) -> None:
        """Have a job done."""
        with self.change:
            if self.hanging >= HANGING:
                raise Refusal("TimedOut", f"{self.hanging} earlier calls still hang; no more are tried")
            self.waiting.append(job)
            if self.idle:
                self.change.notify()
        self.grow()

    def grow(self) -> None:
        """One thread more, if that is what the jobs wait for."""
        with self.change:
            stuck = len(self.waiting) > self.idle and time.monotonic() - self.taken >= self.patience
            if stuck and self.threads < self.most + self.hanging:
                self.threads += 1
                self.taken = time.monotonic()
                threading.Thread(target=self.loop, daemon=True).start()

    def close(self) -> None:
        """Let the threads end."""
        with self.change:
            self.closed = True
            self.waiting.clear()
            self.change.notify_all()

    def loop(self) -> None:
        """What each thread does."""
        while True:
            with self.change:
                self.idle += 1
                while not self.waiting and not self.closed:
                    self.change.wait()
                self.idle -= 1
                if self.closed:
                    return
                job = self.waiting.popleft()
                self.taken = time.monotonic()
            self.work(job)


class FarEnd:
    """Does the calls that come in. `receive`, `check` and `end` are for one thread; answers go to `send` from any.

    `at_once` are calls that never wait: they are done where they come in, without a thread's time.
    """

    def __init__(self, send: Callable[[bytes], None], changes: bool = False) -> None:
        self.send = send
        looking = {**READING, **LOOKING, **GATHERING, **RUNNING, **ASKING, **DIGESTING, **COUNTING}
        self.calls = {**looking, "ping": do_nothing}
        if changes:
            self.calls.update({**CHANGING, **PUTTING, **COPYING})
        self.at_once: set[str] = set()
        self.silence_seconds = SILENCE_SECONDS
        self.kept = bytearray()
        self.jobs: dict[int, Job] = {}
        self.lock = threading.RLock()
        self.quick = Workers(QUICK_WORKERS, PATIENCE_SECONDS, self.work)
        self.slow = Workers(SLOW_WORKERS, 0.0, self.work)
        facts = {"python": list(sys.version_info[:3]), "system": sys.platform, "uid": os.geteuid(), "changes": changes}
        facts["cores"] = os.cpu_count() or 1
        self.send(MARK + frame({"id": 0, "ok": facts}, b""))

    def receive(self, data: bytes) -> None:
        """Take in bytes of any length; ValueError for what is no frame."""
        self.kept += data
        start = 0
        while len(self.kept) >= start + LENGTHS.size:
            head, body = LENGTHS.unpack_from(self.kept, start)
            if head > HEADER_BYTES or body > PAYLOAD_BYTES:
                raise ValueError("not a frame")
            middle = start + LENGTHS.size + head
            if len(self.kept) < middle + body:
                break
            self.begin(json.loads(self.kept[start + LENGTHS.size : middle]), bytes(self.kept[middle : middle + body]))
            start = middle + body
        del self.kept[:start]

    def begin(self, header: Any, payload: bytes) -> None:
        """Start what one frame asks for."""
        try:
            number, call, args = header["id"], header["call"], header["args"]
        except (TypeError, KeyError):
            raise ValueError("not a call") from None
        if not (isinstance(number, int) and isinstance(call, str) and isinstance(args, dict)):
            raise ValueError("not a call")
        if call == "cancel":
            self.cancel(args.get("of"))
            return
        job = None
        try:
            job = Job(number, call, args, payload)
            self.accept(job)
        except Refusal as error:
            self.answer(job, {"id": number, "no": {"kind": error.kind, "what": error.what}}, b"")

    def accept(self, job: Job) -> None:
        """Give a job to those who do it."""
        if job.call == "ping":
            self.silence_seconds = float(job.take("silence_seconds", (int, float), self.silence_seconds))
        elif job.call not in self.calls:
            known = job.call in CHANGING or job.call in COPYING
            raise Refusal(*(NO_SUCH_CALL, NO_CHANGES)[known])
        elif job.call in self.at_once:
            self.work(job)
            return
        with self.lock:
            if len(self.jobs) >= JOBS or job.number in self.jobs:
                raise Refusal("AccessError", f"more than {JOBS} calls at once, or one twice")
            self.jobs[job.number] = job
        try:
            (self.quick, self.slow)[job.call in WAITING].put(job)
        except Refusal:
            with self.lock:
                self.jobs.pop(job.number, None)
            raise

    def cancel(self, number: Any) -> None:
        """Nobody waits for this call any more."""
        with self.lock:
            job = self.jobs.get(number)
        if job is not None and self.finish(job):
            job.stop()

    def check(self) -> float:
        """Stop what is past its time limit; seconds until the next look is due."""
        now = time.monotonic()
        with self.lock:
            late = [job for job in self.jobs.values() if job.deadline <= now]
        for job in late:
            if job.call in WAITING and job.working and not job.stopped:
                job.stop()
                job.deadline = now + KILL_SECONDS
            else:
                self.answer(job, {"id": job.number, "no": too_late(job)}, b"")
        with self.lock:
            nearest = min((job.deadline for job in self.jobs.values()), default=now + LONGEST_SECONDS)
        self.quick.grow()
        if self.quick.waiting:
            nearest = min(nearest, now + PATIENCE_SECONDS)
        return max(nearest - now, 0.0)

    def end(self) -> None:
        """Kill the commands that still run, and let the threads go."""
        self.quick.close()
        self.slow.close()
        with self.lock:
            left = list(self.jobs.values())
            self.jobs.clear()
        for job in left:
            job.over = True
            job.stop()

    def finish(self, job: Job) -> bool:
        """Take a call off the list; False if it was answered before."""
        with self.lock:
            first = not job.over
            job.over = True
            self.jobs.pop(job.number, None)
            if first and job.working:
                self.lane(job).hanging += 1
        return first

    def lane(self, job: Job) -> Workers:
        """The threads that a job belongs to."""
        return (self.quick, self.slow)[job.call in WAITING]

    def answer(self, job: Job | None, header: dict[str, Any], payload: bytes) -> None:
        """Say what came of a call, once."""
        if job is None or self.finish(job):
            self.send(frame(header, payload))

    def work(self, job: Job) -> None:
        """Do one call and answer it. A thread's work."""
        with self.lock:
            if job.over:
                return
            job.working = True
        no = {"kind": "AccessError", "what": f"a fault in the far end itself, in the call {job.call}"}
        done: Done = ({}, b"")
        try:
            done = self.calls[job.call](job)
            no = {}
        except Refusal as error:
            no = {"kind": error.kind, "what": error.what}
        except OSError as error:
            no = describe(error)
        except ValueError as error:
            no = {"kind": "NotThere", "what": f"not a usable path ({error})"}
        finally:
            self.leave(job)
            if no:
                self.answer(job, {"id": job.number, "no": no}, b"")
            else:
                self.answer(job, {"id": job.number, "ok": done[0]}, done[1])

    def leave(self, job: Job) -> None:
        """A thread is free again."""
        with self.lock:
            job.working = False
            if job.over:
                self.lane(job).hanging -= 1


def frame(header: dict[str, Any], payload: bytes) -> bytes:
    """The bytes of one frame."""
    head = json.dumps(header, separators=(",", ":")).encode("ascii")
    return LENGTHS.pack(len(head), len(payload)) + head + payload


def describe(error: OSError) -> dict[str, Any]:
    """An error of the system, by its name, for numbers differ between systems."""
    return {"errno": errno.errorcode.get(error.errno or 0, ""), "what": error.strerror or str(error)}


def too_late(job: Job) -> dict[str, Any]:
    """What is said of a call that took too long."""
    words = {"run": "not done", "http": "no whole answer", "connect": "no connection"}
    return {"kind": "TimedOut", "what": f"{words.get(job.call, 'no answer')} within {job.seconds:g} s"}


def do_nothing(job: Job) -> Done:
    """An answer, so that the other side knows that somebody is there."""
    return {}, b""


class Sender:
    """Writes answers to a descriptor, whole ones, in any thread; those that come meanwhile go out together."""

    def __init__(self, sink: int) -> None:
        self.sink = sink
        self.parts: deque[bytes] = deque()
        self.unsent = 0
        self.lock = threading.Lock()

    def __call__(self, data: bytes) -> None:
        """Send it, or leave it to the thread that sends now."""
        self.parts.append(data)
        self.unsent += len(data)
        while self.parts and self.lock.acquire(self.unsent > UNSENT_BYTES):
            try:
                self.flush()
            except OSError:
                self.parts.clear()  # nobody reads any more; the end of the input will tell the rest
            finally:
                self.lock.release()

    def flush(self) -> None:
        """Write all there is."""
        together = []
        while self.parts:
            together.append(self.parts.popleft())
        self.unsent = 0
        rest = memoryview(b"".join(together))
        while rest:
            rest = rest[os.write(self.sink, rest) :]


def serve(source: int, sink: int, changes: bool = False) -> None:
    """Do what comes from one descriptor and answer on another, until the first ends or stays silent.

    The two are blocking pipes, or a socket twice. Raises ValueError for what is no frame.
    """
    far = FarEnd(Sender(sink), changes)
    heard = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        try:
            while True:
                silence = heard + far.silence_seconds - time.monotonic()
                if silence <= 0:
                    return
                if not selector.select(min(far.check(), silence)):
                    continue
                data = os.read(source, PIECE_BYTES)
                if not data:
                    return
                heard = time.monotonic()
                far.receive(data)
        except OSError:
            return
        finally:
            far.end()


def main() -> None:
    """Serve on standard input and output, and leave at once."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, leave)
    try:
        serve(0, 1, "changes" in sys.argv[1:])
    except ValueError:
        os._exit(1)
    except SystemExit:
        pass
    os._exit(0)


def leave(number: int, _: Any) -> None:
    """On a signal: end as if the input had ended."""
    raise SystemExit(0)


if __name__ == "__main__":
    main()
