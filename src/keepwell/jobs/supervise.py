"""The supervisor of one program: `python -m keepwell.jobs.supervise FOLDER`. Light, and needs nothing else that runs.

Starts the program in a session of its own, or adopts the one that a killed supervisor left; writes down what it says
and uses; starts it again after failures, as was asked; ends it in time. TERM or INT: the program is ended, and so is
this.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from keepwell.core.errors import DamagedError
from keepwell.core.job import OVER, JobSpec, JobState, Stage
from keepwell.jobs.device_turn import DEVICE_VARIABLE, DeviceTurn
from keepwell.jobs.hearing import Ear
from keepwell.jobs.line_log import LineLog
from keepwell.jobs.living import MARK_VARIABLE, add_up, identify, is_living, list_group, list_marked, send_group
from keepwell.jobs.records import (
    LOCK_FILE,
    LOG_FILE,
    PIPE_FILE,
    STATE_FILE,
    load_spec,
    load_state,
    save_record,
)
from keepwell.jobs.telling import (
    LONGEST_PAUSE_SECONDS,
    describe_end,
    find_left,
    find_pause,
    make_mark,
)

#: Seconds between two looks at what the program uses: each reads a line of every process of the machine.
LOOK_SECONDS = 5.0
#: Seconds between two looks at something that is waited for; a tenth of a percent of a core.
WAIT_SECONDS, SOON_SECONDS = 1.0, 0.2
#: Seconds that the program has to end by itself once it was told to, and after that by SIGKILL.
STOP_SECONDS, KILL_SECONDS = 30.0, 5.0
#: A run that lasted so long before it failed begins the row of failures anew: the next pause is short again.
STEADY_SECONDS = 600.0


class Supervisor:
    """One job at work. `state` is what was written down last."""

    def __init__(self, folder: Path, spec: JobSpec, state: JobState) -> None:
        self.spec = spec
        self.state = state
        self._folder = folder
        self._log = LineLog(folder / LOG_FILE)
        self._ear = Ear(folder / PIPE_FILE)
        self._mark = make_mark(spec)
        self._turn = DeviceTurn(folder, spec)
        self._is_over = False  # its time on the device is
        self._queued_at = 0.0
        self._child: subprocess.Popen[bytes] | None = None
        self._told_to_end = False
        self._ending = ""  # why it is being ended
        self._for_good = False  # whatever the restarts are
        self._kill_at = self._deadline = self._run_began = 0.0
        self._killed = False
        self._failures = 0

    def work(self) -> None:
        """All of it, until the job is over."""
        own = identify(os.getpid())
        left = find_left(self.spec, self.state)
        if left is not None:
            began = self.state.began_at or time.time()
            self._begin_time(began)
            self._note(stage="running", supervisor=own, program=left, began_at=began, adopted=True, why="", left=())
            self._log.tell(f"adopted the program that still runs, pid {left.pid}", time.time())
            self._turn.look(left, at_once=True, adopts=True)
        else:
            self._save(JobState(stage="waiting", supervisor=own, run=self.state.run))
            self._begin_time(time.time())
            self._queue()
        while self.state.stage not in OVER:
            if self.state.stage == "pausing":
                self._pause()
            elif self.state.stage == "queued":
                self._await_turn()
            else:
                self._go_on()

    def _begin_time(self, began_at: float) -> None:
        self._run_began = time.monotonic()
        if self.spec.limit_seconds:
            self._deadline = time.monotonic() + self.spec.limit_seconds - (time.time() - began_at)

    def _queue(self) -> None:
        """Begin a run once the device is free for it: at once, where it wants none."""
        self._queued_at = time.monotonic()
        self._await_turn()

    def _await_turn(self) -> None:
        place = self._turn.look(identify(os.getpid()))
        if place.held:
            self._deadline += (time.monotonic() - self._queued_at) * (self._deadline > 0)  # waiting is not running
            if place.why:
                self._log.tell(f"{self.spec.device}: {place.why}", time.time())
            self._start()
        elif self._told_to_end:
            self._close("stopped", f"stopped by its owner before it began; {place.describe()}")
        elif place.stage == "refused":
            self._close("ended", f"no time on {self.spec.device}: {place.why}")
        else:
            if self.state.stage != "queued" or self.state.why != place.describe():
                self._note(stage="queued", why=place.describe())
                self._log.tell(place.describe(), time.time())
            self._listen(WAIT_SECONDS)

    def _start(self) -> None:
        """Begin a run. What cannot be started at all will not be tried again."""
        output = self._ear.open_mouth()
        try:
            self._child = subprocess.Popen(
                self.spec.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.spec.folder,
                env={**os.environ, MARK_VARIABLE: self._mark, DEVICE_VARIABLE: self.spec.device},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._close("ended", f"could not be started: {error}")
            return
        finally:
            os.close(output)
        now = time.time()
        self._run_began = time.monotonic()
        fresh = JobState(stage="running", supervisor=self.state.supervisor, program=identify(self._child.pid))
        self._save(replace(fresh, run=self.state.run + 1, began_at=self.state.began_at or now))
        self._turn.look(self.state.program, at_once=True)
        self._log.tell(f"run {self.state.run} began, pid {self._child.pid}", now)

    def _go_on(self) -> None:
        """Until something happens or it is time to look."""
        self._listen(self._find_wait())
        if self._told_to_end and not self._for_good:
            self._end("stopped by its owner", for_good=True)
        elif self._deadline and time.monotonic() >= self._deadline and not self._for_good:
            self._end(f"time limit of {self.spec.limit_seconds:g} s", for_good=True)
        if self._turn.look(self.state.program).over and not self._ending:
            self._is_over = True
            self._end(f"its time on {self.spec.device} is over", for_good=False)
        if self._has_ended():
            self._finish_run()
            return
        self._look()
        if self._ending and time.monotonic() >= self._kill_at:
            self._kill()

    def _find_wait(self) -> float:
        """Seconds to the next thing that is to be done by the clock."""
        now = time.monotonic()
        # The first looks come sooner: many programs fail at once, or take most of their memory at once.
        waits = [min(LOOK_SECONDS, max(SOON_SECONDS, (now - self._run_began) / 2))]
        if self._ending:
            waits += [self._kill_at - now, SOON_SECONDS]
        elif self._deadline:
            waits.append(self._deadline - now)
        if self._child is None:  # no child of ours: its end is no signal to us
            waits.append(WAIT_SECONDS)
        return min(waits)

    def _listen(self, seconds: float) -> None:
        heard = self._ear.wait(seconds)
        if heard.output:
            self._log.take(heard.output, time.time())
        self._told_to_end |= heard.end

    def _has_ended(self) -> bool:
        if self._child is not None:
            return self._child.poll() is not None
        return not is_living(self.state.program)

    def _look(self) -> None:
        """Write down what it uses; end it where that is too much."""
        if self.state.program is None:
            return
        used = add_up(list_group(self.state.program))
        state = replace(self.state, memory_bytes=used.memory_bytes, processes=used.processes)
        state = replace(state, peak_memory_bytes=max(state.peak_memory_bytes, used.memory_bytes))
        self._save(replace(state, cpu_seconds=max(state.cpu_seconds, round(used.cpu_seconds, 2))), durable=False)
        most = self.spec.memory_bytes
        if most and used.memory_bytes > most and not self._ending:
            self._end(f"memory limit of {most} bytes: it used {used.memory_bytes}", for_good=False)

    def _end(self, why: str, *, for_good: bool) -> None:
        """Tell the program to end, and give it some time for that."""
        if not self._ending:
            self._kill_at = time.monotonic() + STOP_SECONDS
        self._ending, self._for_good = why, for_good
        self._note(stage="stopping", why=why)
        self._log.tell(f"told to end ({signal.Signals(self.spec.stop_signal).name}): {why}", time.time())
        if self.state.program is not None:
            send_group(self.state.program, self.spec.stop_signal)

    def _kill(self) -> None:
        """Its time to end is over."""
        if self._killed:
            self._finish_run()
            return
        self._killed = True
        self._kill_at = time.monotonic() + KILL_SECONDS
        self._log.tell(f"did not end within {STOP_SECONDS:g} s: killed", time.time())
        if self.state.program is not None:
            send_group(self.state.program, signal.SIGKILL)

    def _finish_run(self) -> None:
        """The program has ended: what of its session is still there ends too, and what comes next is decided."""
        self._clear_away()
        now = time.time()
        for output in self._ear.drain():
            self._log.take(output, now)
        self._log.finish(now)
        code = None
        if self._child is not None:
            code = self._child.returncode
        said = describe_end(code)
        left = tuple(f"{one.name} (pid {one.pid})" for one in list_marked(self._mark))
        self._log.tell(f"run {self.state.run} ended: {said}" + f"; still there: {', '.join(left)}" * bool(left), now)
        self._child = None
        self._turn.leave()
        self._note(program=None, exit_code=code, left=left, memory_bytes=0, processes=0)
        if self._told_to_end:
            self._close("stopped", self._ending)
        elif self._for_good:
            self._close("ended", self._ending)
        elif self._is_over and self.spec.restarts:
            self._is_over, self._ending, self._killed = False, "", False
            self._queue()
        elif code == 0 and not self._ending:
            self._close("ended", "")
        elif self._child_unseen(code) and not self._ending:
            self._close("ended", said)
        else:
            self._fail(self._ending or said)

    def _child_unseen(self, code: int | None) -> bool:
        """An end that nobody saw is no failure that is known of."""
        return code is None and self.state.adopted

    def _clear_away(self) -> None:
        """A program's children do not outlive it in its session: they would go on unwatched, beside the next run."""
        program = self.state.program
        if program is None or not list_group(program):
            return
        send_group(program, self.spec.stop_signal)
        deadline = time.monotonic() + KILL_SECONDS
        while list_group(program) and time.monotonic() < deadline:
            self._listen(SOON_SECONDS)
        send_group(program, signal.SIGKILL)

    def _fail(self, why: str) -> None:
        """It failed: start it again after a while, or leave it."""
        if time.monotonic() - self._run_began >= STEADY_SECONDS:
            self._failures = 0
        self._failures += 1
        self._ending, self._killed = "", False
        if 0 <= self.spec.restarts < self._failures:
            self._close("ended", why + f", {self._failures} times" * (self._failures > 1))
            return
        pause = find_pause(self._failures)
        self._note(stage="pausing", why=why, next_at=time.time() + pause)
        self._log.tell(f"starts again in {pause:g} s", time.time())

    def _pause(self) -> None:
        rest = self.state.next_at - time.time()
        if self._deadline and time.monotonic() >= self._deadline:
            self._close("ended", f"time limit of {self.spec.limit_seconds:g} s; before that: {self.state.why}")
        elif self._told_to_end:
            self._close("stopped", f"stopped by its owner before it started again; before that: {self.state.why}")
        elif rest <= 0 or rest > LONGEST_PAUSE_SECONDS:  # a clock that was put back does not hold it up
            self._queue()
        else:
            self._listen(min(WAIT_SECONDS, rest))

    def _close(self, stage: Stage, why: str) -> None:
        now = time.time()
        self._turn.leave()
        self._log.tell(stage + f": {why}" * bool(why), now)
        self._note(stage=stage, why=why, ended_at=now, next_at=0.0)

    def _note(self, **changes: Any) -> None:
        self._save(replace(self.state, **changes))

    def _save(self, state: JobState, *, durable: bool = True) -> None:
        """A state that cannot be written is tried again with the next: the program matters more."""
        self.state = state
        with suppress(OSError):
            save_record(self._folder / STATE_FILE, state, durable=durable)


def main(arguments: list[str]) -> int:
    """Supervise until the job is over. 3 if another one does, or the folder cannot be used."""
    folder = Path(arguments[0])
    try:
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Supervisor(folder, load_spec(folder), load_state(folder)).work()
    except (OSError, DamagedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    os.chdir("/")
    os.closerange(3, 1024)  # what a shell passed on is not held open for a night
    sys.exit(main(sys.argv[1:]))
