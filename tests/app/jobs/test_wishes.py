"""What is typed becomes a spec, or is refused with the way out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.app.jobs.wishes import Wish, check_name, make_name, parse_restart, parse_signal, read_wish
from keepwell.core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "/srv/work/transcribe.py", "--all"], "transcribe"),
        (["/usr/bin/python3.11", "-u", "work.py"], "work"),
        (["bash", "-c", "echo one; echo two"], "bash"),
        (["env", "A=b", "nice", "./run.sh"], "run"),
        (["./größe.bin"], "gr-e"),
        (["--"], "job"),
    ],
)
def test_names_tell_what_runs(command: list[str], name: str) -> None:
    assert make_name(command) == name


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_every_made_name_can_be_one(command: list[str]) -> None:
    assert check_name(make_name(command))


def test_words() -> None:
    spec = read_wish(
        Wish(command=["x"], restart="on-failure:3", limit="8h", memory="20GiB", stop_signal="int", name="n"),
        folder="/",
        now=1.0,
    )
    assert (spec.restarts, spec.limit_seconds, spec.memory_bytes, spec.stop_signal) == (3, 28800.0, 20 * 1024**3, 2)
    assert (parse_restart("on-failure"), parse_restart("no"), parse_signal("SIGUSR1"), parse_signal("9")) == (
        -1,
        0,
        10,
        9,
    )


@pytest.mark.parametrize(
    "wish",
    [
        Wish(command=[]),
        Wish(command=[""]),
        Wish(command=["a\0b"]),
        Wish(command=["x"], name="a/b"),
        Wish(command=["x"], restart="always"),
        Wish(command=["x"], limit="soon"),
        Wish(command=["x"], memory="much"),
        Wish(command=["x"], stop_signal="BOOM"),
    ],
)
def test_what_cannot_be_is_refused(wish: Wish) -> None:
    with pytest.raises(ConfigurationError):
        read_wish(wish, folder="/", now=1.0)
