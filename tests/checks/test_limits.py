"""limits.*: open files and memory."""

from __future__ import annotations

import pytest

from keepwell.core.finding import Status
from keepwell.core.observation import Observation, Value, absent, failed
from tests.checks.judging import engine_seen, findings, of_engine, only, status

GIB = 1 << 30


def seen(limits: dict[str, Value], *lines: str) -> list[Observation]:
    return [of_engine("log.text", {"lines": lines}), *engine_seen(engine_limits=limits)]


@pytest.mark.parametrize(
    ("soft", "used", "line", "expected"),
    [
        (1024, 10, "", Status.OK),
        (1024, 900, "", Status.WARNING),
        (1024, 1024, "", Status.CRITICAL),
        (64, 30, "accept4: too many open files", Status.CRITICAL),
        (65536, 100, "accept4: too many open files", Status.OK),
    ],
)
def test_open_files(soft: int, used: int, line: str, expected: Status) -> None:
    limits: dict[str, Value] = {"open_files_soft": soft, "open_files_hard": 524288, "open_files_used": used}
    found = only("limits.open_files", *seen(limits, line))
    assert found.status is expected
    assert (found.facts["limit"], found.facts["used"]) == (str(soft), str(used))
    assert int(found.facts["wished"]) >= soft


@pytest.mark.parametrize(
    ("limits", "line", "kind"),
    [
        ({"memory_max_bytes": GIB, "oom_kills": 2}, "", "oom-kill"),
        ({"memory_max_bytes": GIB}, "ggml: cannot allocate memory", "cgroup"),
        ({"address_space_bytes": GIB, "address_space_used_bytes": GIB - 1}, "", "rlimit"),
        ({"address_space_bytes": 4 * GIB, "address_space_used_bytes": GIB}, "std::bad_alloc", "rlimit"),
    ],
)
def test_memory_that_is_held_back(limits: dict[str, Value], line: str, kind: str) -> None:
    found = only("limits.memory", *seen(limits, line))
    assert found.bad
    assert found.facts["kind"] == kind
    assert int(found.facts["limit_bytes"]) < int(found.facts["wished_bytes"])


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"memory_max_bytes": GIB, "memory_used_bytes": GIB // 2, "oom_kills": 0},
        {"memory_used_bytes": GIB, "oom_kills": 3},
        {"address_space_bytes": 4 * GIB, "address_space_used_bytes": GIB},
    ],
)
def test_memory_that_suffices(limits: dict[str, Value]) -> None:
    assert not [one for one in findings("limits.memory", *seen(limits)) if one.bad]


def test_unreadable_limits_are_unknown() -> None:
    for check in ("limits.open_files", "limits.memory"):
        assert status(check, *engine_seen(engine_limits=failed("no"))) is Status.UNKNOWN
        assert findings(check, *engine_seen(engine_limits=absent("nothing serves"))) == []
