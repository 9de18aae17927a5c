"""Rough use: outputs that are closed, full or without letters, inputs that cannot be read, Ctrl-C, no home."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from functools import partial
from pathlib import Path

import pytest

from keepwell.testing.waiting import eventually

COMMAND = (sys.executable, "-m", "keepwell")
LINE = b"write /models/x: no space left on device\n"


def environment(state: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "KEEPWELL_STATE": str(state), "NO_COLOR": "1", **more}


def run(*words: str, state: Path, given: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *words], input=given, capture_output=True, check=False, timeout=100, env=environment(state, **more)
    )


@pytest.mark.parametrize(("words", "code"), [(("issues",), 0), (("issues", "--json"), 0), (("diagnose", "-e", "-"), 2)])
def test_a_reader_who_goes_away_changes_no_exit_code(words: tuple[str, ...], code: int, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [*COMMAND, *words], stdin=subprocess.PIPE, stdout=writing, stderr=subprocess.PIPE, env=environment(tmp_path)
    ) as child:
        os.close(writing)
        _, said = child.communicate(LINE, timeout=100)
    assert (child.returncode, said) == (code, b"")


def test_an_answer_that_a_full_disk_swallows_is_an_error(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "issues"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=100,
            env=environment(tmp_path),
        )
    assert done.returncode == 3
    assert b"cannot be written" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_terminal_without_letters_gets_plain_signs(tmp_path: Path) -> None:
    given = "schöne Grüße ✓: no space left on device\n".encode()
    done = run("diagnose", "-e", "-", given=given, state=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert b"| sch\\xf6ne Gr\\xfc\\xdfe +: no space left" in done.stdout
    assert done.stdout.isascii()


def test_json_is_ascii_so_that_no_terminal_obeys_it(tmp_path: Path) -> None:
    given = "no space left on device \x9b31m \u202e\n".encode()
    done = run("diagnose", "-e", "-", "--json", given=given, state=tmp_path)
    assert done.stdout.isascii()
    quotes = [one["quote"] for one in json.loads(done.stdout)["hypotheses"][0]["supporting"]]
    assert any("no space left" in one for one in quotes)


@pytest.mark.parametrize("path", ["/proc/self/mem", "a" * 300])
def test_what_cannot_be_read_is_told_in_words(path: str, tmp_path: Path) -> None:
    for flag in ("--evidence", "--evidence-jsonl"):
        done = run("diagnose", flag, path, state=tmp_path)
        assert done.returncode == 3
        assert b"cannot be" in done.stderr
        assert b"Traceback" not in done.stderr


def test_an_error_of_the_json_face_says_its_exit_code(tmp_path: Path) -> None:
    done = run("apply", "--json", state=tmp_path)
    document = json.loads(done.stdout)
    assert (document["schema"], document["exit_code"], done.returncode) == ("keepwell.error/1", 3, 3)


def test_secrets_in_a_pasted_text_are_not_quoted(tmp_path: Path) -> None:
    given = b"no space left on device, HF_TOKEN=hf_abcdefghijklmnopqrst Authorization: Bearer abcdefgh12345\n"
    for more in ((), ("--json",)):
        done = run("diagnose", "-e", "-", *more, given=given, state=tmp_path)
        assert b"no space left on device" in done.stdout
        assert b"hf_abc" not in done.stdout
        assert b"abcdefgh12345" not in done.stdout


def test_one_line_is_one_line_with_or_without_its_end(tmp_path: Path) -> None:
    for given in (b"hello", b"hello\n"):
        assert b"\n1 line of text in " in run("diagnose", "-e", "-", given=given, state=tmp_path).stdout


@pytest.mark.parametrize("flag", ["--evidence", "--evidence-jsonl"])
def test_one_ctrl_c_ends_a_command_that_waits_for_its_input(flag: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "diagnose", flag, "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
    ) as child:
        assert child.stdin is not None
        child.stdin.write(b'{"id": "1", "evidence": "hello"}\n')
        child.stdin.flush()
        eventually(partial(is_empty, child.stdin.fileno()), 30, "it reads its input")
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == 130
        assert child.stderr is not None
        assert child.stderr.read() == b""


def is_empty(pipe: int) -> bool:
    """Whether everything that was written to a pipe has been read."""
    return fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)) == bytes(4)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without an account")
def test_a_user_without_account_and_home_has_a_home_where_nothing_is() -> None:
    code = (
        "import os\nfrom keepwell.config.home import find_home\nos.environ.pop('HOME', None)\nimport pwd\n"
        "os.setuid(54321)\nprint(find_home())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "/nonexistent"
