"""`timeline`, `handoff` and the owner's decisions as a user meets them: a new process each time, this very machine."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_command_line import keepwell


def test_this_machine_s_timeline_is_ordered_and_names_what_it_could_not_read(tmp_path: Path) -> None:
    done = keepwell("timeline", "--since", "30d", "--json", state=tmp_path)
    document = json.loads(done.stdout)
    assert (done.returncode, document["schema"]) == (0, "keepwell.timeline/1")
    times = [one["at"] for one in document["events"]]
    assert times == sorted(times)
    assert all(one["what"] and one["source"] for one in document["events"])
    assert all(one["source"] for one in document["unread"])
    assert list((tmp_path / "sights").glob("*.json"))


def test_a_kind_that_is_none_is_told_with_the_nearest(tmp_path: Path) -> None:
    done = keepwell("timeline", "--kind", "packge", state=tmp_path)
    assert done.returncode == 3
    assert "did you mean package?" in done.stderr


def test_a_handoff_is_written_to_a_file_with_decisions_that_ended_and_that_do_nothing(tmp_path: Path) -> None:
    config = tmp_path / "keepwell.toml"
    config.write_text(
        '[[decision]]\nwhat = "old word"\nwhy = "past"\nuntil = "2020-01-01"\ncheck = "disk.space"\n'
        '[[decision]]\nwhat = "typo"\nwhy = "fingers"\ncheck = "disk.spce"\n'
    )
    out = tmp_path / "handoff.md"
    done = keepwell("handoff", "--out", str(out), "--config", str(config), state=tmp_path)
    assert (done.returncode, done.stdout.startswith("Written to")) == (0, True)
    text = out.read_text()
    assert "EXPIRED on 2020-01-01" in text
    assert "Answers nothing: no check is called disk.spce" in text
    shown = keepwell("status", "--config", str(config), "--level", "1", state=tmp_path).stdout
    assert "did you mean disk.space?" in shown
    assert "A decision ended on 2020-01-01" in shown


def test_a_handoff_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    done = keepwell("handoff", "--out", str(tmp_path), state=tmp_path)
    assert done.returncode == 3
    assert str(tmp_path) in done.stderr
