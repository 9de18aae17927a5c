"""The far end alone, as the program that is sent: on every Python at hand, at its limits, and when it must end."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keepwell.testing.waiting import eventually
from keepwell.transport import wire
from keepwell.transport.far import end as far_end
from keepwell.transport.far import entries as far_entries
from keepwell.transport.far import files as far_files
from keepwell.transport.far import waits as far_waits
from keepwell.transport.ssh.line import BOOTSTRAP, FLAGS, MODULES, source
from keepwell.transport.wire import Answer, Frames, Greeting, parse_answer, render_call, render_frame

MINORS = (7, 8, 9, 12, 13)


def _find(minor: int) -> str:
    """A Python 3.minor: on the PATH, or among those that pyenv keeps."""
    kept = sorted(Path("~/.pyenv/versions").expanduser().glob(f"3.{minor}.*/bin/python3"))
    return str((kept or [shutil.which(f"python3.{minor}") or ""])[0])


class FarEnd:
    """One that runs, and what to say to it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.sink = process.stdin
        self.stream = process.stdout
        self.greeting = Greeting()
        self.frames = Frames()
        self.got: dict[int, Answer] = {}

    def send(self, *frames: bytes) -> None:
        """All in one piece."""
        self.sink.write(b"".join(frames))
        self.sink.flush()

    def await_answer(self, number: int) -> Answer:
        """The answer to a call."""
        while number not in self.got:
            data = os.read(self.stream.fileno(), 1 << 20)
            assert data, "the far end has ended"
            for frame in self.frames.feed(self.greeting.feed(data)):
                answer = parse_answer(frame)
                assert answer.id not in self.got, "answered twice"
                self.got[answer.id] = answer
        return self.got[number]

    def ask(self, call: str, args: dict[str, Any], payload: bytes = b"") -> Answer:
        """One call."""
        number = 1 + max(self.got, default=0)
        self.send(render_call(number, call, args, payload))
        return self.await_answer(number)


@contextlib.contextmanager
def _started(python: str = sys.executable, *arguments: str) -> Iterator[FarEnd]:
    command = [python, *FLAGS, BOOTSTRAP.format(size=len(source())), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        far = FarEnd(process)
        far.send(source())
        try:
            far.await_answer(0)
            yield far
        finally:
            process.kill()


def test_it_is_written_for_old_pythons() -> None:
    for module in (far_end, far_entries, far_files, far_waits):
        ast.parse(Path(str(module.__file__)).read_text(), feature_version=(3, 7))
    imported = set()
    for name in MODULES:
        tree = ast.parse((Path(str(far_end.__file__)).parent / f"{name}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                imported.add(str(node.module))
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
    own = {f"keepwell.transport.far.{name}" for name in MODULES}
    assert all(name in own or name.split(".")[0] in sys.stdlib_module_names for name in imported)
    assert (far_end.MARK, far_end.HEADER_BYTES, far_end.PAYLOAD_BYTES) == (
        wire.MARK,
        wire.HEADER_BYTES,
        wire.PAYLOAD_BYTES,
    )


@pytest.mark.parametrize("minor", MINORS)
def test_on_every_python(minor: int, tmp_path: Path) -> None:
    python = _find(minor)
    if not python or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"no Python 3.{minor} here")
    (tmp_path / "one").write_bytes(b"content")
    with _started(python, "changes") as far:
        path = str(tmp_path / "one")
        assert far.ask("read", {"path": path}).payload == b"content"
        assert far.ask("list", {"path": str(tmp_path)}).payload == b"one\0"
        ran = far.ask("run", {"argv": ["sh", "-c", "cat; exit 3"]}, b"in")
        assert ran.ok is not None
        assert (ran.ok["code"], ran.payload) == (3, b"in")
        late = far.ask("run", {"argv": ["sleep", "30"], "timeout_seconds": 0.2}).no
        assert late is not None
        assert late["kind"] == "TimedOut"
        refused = far.ask("http", {"method": "GET", "url": "http://127.0.0.1:1/"}).no
        assert refused is not None
        assert refused["errno"] == "ECONNREFUSED"
        assert far.ask("write", {"path": path}, b"new").ok == {}
        assert (tmp_path / "one").read_bytes() == b"new"


def test_it_writes_nothing_and_knows_no_keepwell(tmp_path: Path) -> None:
    with _started() as far:
        names = far.ask("run", {"argv": ["sh", "-c", "ls -l /proc/$PPID/fd; tr '\\0' ' ' < /proc/$PPID/cmdline"]})
        assert b".py" not in names.payload
        assert str(Path(wire.__file__).parent).encode() not in names.payload


def test_the_end_of_its_input_ends_it_and_its_commands(tmp_path: Path) -> None:
    with _started() as far:
        far.send(render_call(5, "run", {"argv": ["sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 60"]}))
        mark = tmp_path / "pid"
        eventually(lambda: mark.exists() and mark.read_text().endswith("\n"))
        far.sink.close()
        assert far.process.wait(10) == 0
        number = mark.read_text().strip()
        eventually(lambda: not Path(f"/proc/{number}").exists(), what="the command has ended")


def test_silence_ends_it() -> None:
    with _started() as far:
        far.ask("ping", {"silence_seconds": 0.3})
        far.send(render_call(9, "run", {"argv": ["sleep", "60"]}))
        started = time.monotonic()
        assert far.process.wait(10) == 0
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_its_commands(number: signal.Signals, tmp_path: Path) -> None:
    with _started() as far:
        far.send(render_call(5, "run", {"argv": ["sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 60"]}))
        mark = tmp_path / "pid"
        eventually(lambda: mark.exists() and mark.read_text().endswith("\n"))
        far.process.send_signal(number)
        assert far.process.wait(10) == 0
        command = mark.read_text().strip()
        eventually(lambda: not Path(f"/proc/{command}").exists(), what="the command has ended")


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!II", 5, 0) + b"hello",
        render_frame({"id": 1}),
        render_frame({"id": "1", "call": "read", "args": {}}),
        render_frame({"id": 1, "call": "read", "args": []}),
        struct.pack("!II", 1 << 30, 0),
    ],
)
def test_garbage_ends_it_with_a_sign(data: bytes) -> None:
    with _started() as far:
        far.send(data)
        assert far.process.wait(10) == 1


_ENTRIES = st.fixed_dictionaries(
    {"kind": st.sampled_from(["absent", "file", "folder", "link", "?", 1])},
    optional=dict.fromkeys(
        ("mode", "target", "attributes", "folder_ns"), st.none() | st.integers() | st.text(max_size=2)
    ),
)
_ARGS = st.dictionaries(
    st.sampled_from(
        [
            "path",
            "argv",
            "offset",
            "entry",
            "target",
            "whole",
            "max_bytes",
            "timeout_seconds",
            "url",
            "host",
            "port",
            "of",
            "headers",
        ]
    ),
    st.none()
    | st.booleans()
    | _ENTRIES
    | st.integers(-5, 5)
    | st.text(max_size=5)
    | st.lists(st.text(max_size=3), max_size=2),
    max_size=5,
)
_CALLS = st.sampled_from(
    [
        *far_files.READING,
        *far_files.CHANGING,
        *far_entries.LOOKING,
        *far_entries.PUTTING,
        *far_waits.CALLS,
        "ping",
        "nothing",
    ]
)


def test_any_call_gets_one_answer() -> None:
    with _started() as far:

        @given(_CALLS, _ARGS)
        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        def holds(call: str, args: dict[str, Any]) -> None:
            answer = far.ask(call, {**args, "max_bytes": args.get("max_bytes", 10), "timeout_seconds": 1.0})
            assert (answer.ok is None) != (answer.no is None)
            if answer.no is not None:
                assert answer.no["what"]
                assert "fault" not in answer.no["what"]

        holds()


def test_answers_wait_for_a_slow_reader_without_filling_memory(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(4 * 1024 * 1024))
    with _started() as far:
        far.send(*(render_call(number, "read", {"path": str(tmp_path / "big")}) for number in range(1, 40)))
        far.await_answer(39)
        status = Path(f"/proc/{far.process.pid}/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0])
        assert peak < 100_000, f"{peak} kB"
        assert all(len(far.await_answer(number).payload) == 4 * 1024 * 1024 for number in range(1, 40))


def test_both_sides_speak_alike() -> None:
    for header, payload in (({"id": 1, "ok": {"a": [1, "\udcff", None]}}, b"x"), ({"id": 2, "no": {}}, b"")):
        assert far_end.frame(header, payload) == render_frame(header, payload)
        assert json.loads(far_end.frame(header, b"")[8:]) == header
