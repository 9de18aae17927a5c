"""Many small reads in one exchange: each as its own call would give it, and what may not be read is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from keepwell.transport.agent.limits import LookingFarEnd
from keepwell.transport.far.end import MARK, FarEnd
from keepwell.transport.far.gather import MOST, gather
from keepwell.transport.far.job import Job, Refusal


def ask(**wanted: Any) -> tuple[dict[str, Any], bytes]:
    return gather(Job(1, "gather", wanted, b""))


def test_everything_in_order(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").mkdir()
    here = str(tmp_path)
    told, payload = ask(
        read=[[f"{here}/a", 3], [f"{here}/none", 9], [f"{here}/c", 9], [f"{here}/b", 9], ["/proc/self/stat", 4096]],
        names=[here, f"{here}/none", f"{here}/a"],
        link=[f"{here}/b", f"{here}/a"],
        size=[here, f"{here}/none", "\0"],
    )
    assert told["read"][:4] == [3, "ENOENT", "", 5]
    stat = told["read"][4]
    assert payload == b"12312345" + payload[8 : 8 + stat] + b"a\0b\0c\0" + b"a"
    assert payload[8:].startswith(str(os.getpid()).encode())
    assert told["names"] == [6, "ENOENT", "ENOTDIR"]
    assert told["link"] == [1, "EINVAL"]
    total, free = told["size"][0]
    assert total >= free > 0
    assert told["size"][1:] == ["ENOENT", ""]


def test_nothing_is_something_that_can_be_asked_for() -> None:
    assert ask() == ({"read": [], "names": [], "link": [], "size": []}, b"")


@pytest.mark.parametrize(
    "wanted",
    [
        {"read": ["/proc/stat"]},
        {"read": [["/proc/stat"]]},
        {"read": [[1, 2]]},
        {"names": [1]},
        {"link": "x"},
        {"size": [None]},
        {"names": ["/"] * (MOST + 1)},
    ],
)
def test_what_is_no_question_is_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        ask(**wanted)


def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    told, payload = ask(read=[[str(tmp_path / "pipe"), 10], ["/dev/zero", 10]])
    assert told["read"] == ["", ""]
    assert payload == b""


def test_an_agent_gathers_no_keys(tmp_path: Path) -> None:
    own = tmp_path / "agent"
    own.mkdir()
    (own / "token").write_text("secret")
    (tmp_path / "way").symlink_to(own / "token")
    (tmp_path / "plain").write_text("open")
    far = LookingFarEnd([].append, own)
    wanted = {"read": [[str(own / "token"), 99], [str(tmp_path / "way"), 99], ["/etc/shadow", 99]]}
    wanted["read"].append([str(tmp_path / "plain"), 99])
    told, payload = far.calls["gather"](Job(1, "gather", wanted, b""))
    assert told["read"] == ["EACCES", "EACCES", "EACCES", 4]
    assert payload == b"open"
    far.end()


def test_a_call_that_never_waits_is_answered_where_it_came_in() -> None:
    sent: list[bytes] = []
    far = FarEnd(sent.append)
    far.calls["now"] = lambda job: ({"got": job.args}, b"x")
    far.at_once.add("now")
    far.begin({"id": 5, "call": "now", "args": {"a": 1}}, b"")
    far.begin({"id": 6, "call": "none", "args": {}}, b"")
    assert sent[0].startswith(MARK)
    assert b'{"id":5,"ok":{"got":{"a":1}}}x' in sent[1]
    assert b'"no"' in sent[2]
    assert far.quick.threads == 0
    assert not far.jobs
    far.end()
