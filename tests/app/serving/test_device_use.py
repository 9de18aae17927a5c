"""What those use of a device who have its time: by real collectors over made files, and one look after the other."""

from __future__ import annotations

from pathlib import Path

from keepwell.app.serving.device_use import LOOK_SECONDS, NOBODY_TELLS, NOT_BY_PROCESS, UseWatch, renew
from keepwell.core.observation import Missing, unknown
from keepwell.gateway.turning import TurnState
from keepwell.plugins.collector import Moment
from keepwell.store.device_uses import load_uses
from tests.collectors.test_amd import made


def turn(name: str, pid: int, stage: str = "held") -> TurnState:
    return TurnState(id=name, number=1, holder=name, device="box/0", stage=stage, pid=pid)


def test_memory_is_that_of_all_its_processes_and_at_most(tmp_path: Path) -> None:
    sight = made()
    watch = UseWatch(tmp_path, "box", sight)
    watch.look([turn("parent", 10), turn("early", 77, "waiting"), turn("none", 0)], Moment(100.0, 0.0))
    found = load_uses(tmp_path)
    assert list(found) == ["parent"]
    assert (found["parent"].memory_bytes, found["parent"].peak_memory_bytes) == (900, 900)
    sight.files |= {path: "" for path in sight.files if path.startswith("/proc/30/fdinfo")}
    watch.look([turn("parent", 10)], Moment(101.0, LOOK_SECONDS / 2))
    assert load_uses(tmp_path)["parent"].at == 100.0, "not so soon"
    watch.look([turn("parent", 10), turn("other", 77)], Moment(110.0, 2 * LOOK_SECONDS))
    later = load_uses(tmp_path)
    assert later["parent"].peak_memory_bytes == 900
    assert later["other"].memory_bytes == 5
    watch.close()


def test_where_nobody_tells_it_is_missing_with_its_reason(tmp_path: Path) -> None:
    watch = UseWatch(tmp_path, "box")
    watch.look([turn("a", 1)], Moment(100.0, 0.0))
    found = load_uses(tmp_path)["a"]
    assert isinstance(found.memory_bytes, Missing)
    assert isinstance(found.busy_seconds, Missing)
    watch.close()


def test_looks_add_up() -> None:
    first = renew(None, NOBODY_TELLS, NOBODY_TELLS, 1.0)
    assert (first.memory_bytes, first.peak_memory_bytes, first.busy_seconds) == (NOBODY_TELLS,) * 3
    second = renew(first, 7.0, unknown("x"), 2.0)
    assert (second.memory_bytes, second.peak_memory_bytes, second.busy_seconds) == (7, 7, NOT_BY_PROCESS)
    third = renew(second, 3.0, 1.5, 3.0)
    assert (third.memory_bytes, third.peak_memory_bytes, third.busy_seconds) == (3, 7, 1.5)
    gone = renew(third, NOBODY_TELLS, NOBODY_TELLS, 4.0)
    assert gone.peak_memory_bytes == 7
