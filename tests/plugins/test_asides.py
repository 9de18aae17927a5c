"""Programs beside the looks: real ones, that answer, fail, talk too much, hang, or are not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from keepwell.core.observation import Missing
from keepwell.plugins.asides import ANSWER_BYTES, Aside, Said
from keepwell.testing.waiting import eventually


@pytest.fixture
def aside() -> Iterator[Aside]:
    made = Aside(5.0)
    yield made
    made.close()


def answer(aside: Aside, clock: float = 0.0) -> Said | Missing:
    found: list[Said | Missing] = []

    def heard() -> bool:
        told = aside.answer(clock)
        if told is not None:
            found.append(told)
        return bool(found)

    eventually(heard)
    return found[0]


def test_what_a_program_says(aside: Aside) -> None:
    assert aside.answer(0) is None
    assert aside.start(["sh", "-c", "echo out; echo err >&2; exit 3"], 0) is None
    assert aside.busy
    assert answer(aside) == Said(3, b"out\n", b"err\n")
    assert not aside.busy


def test_a_program_is_kept_to_a_language_that_can_be_parsed(aside: Aside) -> None:
    aside.start(["sh", "-c", "echo $LC_ALL"], 0)
    assert answer(aside) == Said(0, b"C\n", b"")


def test_one_that_talks_for_ever_is_cut(aside: Aside) -> None:
    aside.start(["head", "-c", str(ANSWER_BYTES * 2), "/dev/zero"], 0)
    told = answer(aside)
    assert isinstance(told, Said)
    assert len(told.stdout) == ANSWER_BYTES


def test_one_that_hangs_is_ended_with_its_children(aside: Aside) -> None:
    aside.start(["sh", "-c", "sleep 600 & sleep 600"], 0)
    assert aside.answer(4.9) is None
    told = answer(aside, 5.0)
    assert str(told) == "failed: not done within 5 s, ended"


def test_one_that_is_not_there_or_may_not_run(aside: Aside, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert str(aside.start(["no-such-program-here"], 0)) == "absent: no-such-program-here is not installed"
    broken = tmp_path_factory.mktemp("broken") / "program"
    broken.write_bytes(b"\x7fELF broken")
    broken.chmod(0o755)
    assert "could not be started" in str(aside.start([str(broken)], 0))
    assert not aside.busy


def test_closing_ends_what_runs_and_may_be_done_twice(aside: Aside) -> None:
    aside.start(["sleep", "600"], 0)
    aside.close()
    aside.close()
    assert not aside.busy
    assert aside.answer(1) is None
