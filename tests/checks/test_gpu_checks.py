"""Judgements about GPUs at their edges: hidden devices, foreign memory, old errors, placement without load."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from keepwell.checks.gpu.access import hides_all, judge_visible
from keepwell.checks.gpu.driver import judge_module, judge_persistence, judge_runtime, judge_versions
from keepwell.checks.gpu.errors import RECENT_SECONDS, judge_errors, judge_memory_health
from keepwell.checks.gpu.load import judge_link, judge_memory, judge_order, judge_placement, judge_throttle
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Missing, Observation, Seen, Value, absent, failed, unknown
from keepwell.core.ref import Ref, device, engine, node

NODE, CARD, ENGINE = node("box"), device("box", 0), engine("box", "some")
NOW = 1_000_000.0
ROW: dict[str, Value] = {
    "index": 0,
    "pci": "0000:01:00.0",
    "vendor": "Maker",
    "name": "Card",
    "driver": "good",
    "driver_wished": "good",
    "computes": True,
    "power": "active",
    "kind": "discrete",
}
RUNTIME: dict[str, Value] = {"vendor": "Maker", "code": 0, "name": "SUCCESS", "devices": 1, "seconds": 0.1}
GIB = 1024**3


def _seen(*more: tuple[Ref, str, Value | Missing], row: dict[str, Value] | None = None) -> Seen:
    base = ((NODE, "device.list", ({**ROW, **(row or {})},)), *more)
    return Seen(Observation(subject=ref, name=name, value=value, at=NOW, source="test") for ref, name, value in base)


def _only(findings: Iterable[Finding]) -> Finding:
    (found,) = findings
    return found


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("", True), ("-1", True), ("none", False), ("0", False), ("1", False), ("2", True), ("0,9", False), 
        ("9,0", True),
        ("-1,0", True), ("GPU-aaaa", False), ("GPU-aa", False), ("GPU-zz", True), ("MIG-1", False), ("all", False),
        ("99999999999999", True), (" 1", False),
    ],
)  # fmt: skip
def test_what_hides_every_device(value: str, hidden: bool) -> None:
    selector: dict[str, Value] = {"hiding": ("", "-1"), "by_index": True, "by_uuid": True}
    assert hides_all(value, selector, 2, ("GPU-aaaa", "GPU-bbbb")) is hidden
    assert not hides_all("GPU-zz", selector, 2, ()), "unknown uuids prove nothing"


def test_a_device_handed_to_a_virtual_machine_is_no_fault() -> None:
    found = _only(judge_module(_seen(row={"driver": "vfio-pci", "computes": False})))
    assert (found.status, found.facts["kind"]) == (Status.OK, "passed-through")


@pytest.mark.parametrize(
    ("driver", "system", "kind", "status"),
    [
        ({}, {}, "not-installed", Status.WARNING),
        ({"library": "1"}, {}, "not-built", Status.CRITICAL),
        ({"module_file": "x.ko"}, {}, "not-loaded", Status.CRITICAL),
        ({"module_file": "x.ko"}, {"secure_boot": True}, "unsigned", Status.CRITICAL),
        ({"loaded": ("good",)}, {}, "not-bound", Status.CRITICAL),
        ({"library": "1", "rivals": ("free",)}, {}, "other-driver", Status.CRITICAL),
        ({"rivals": ("free",)}, {}, "other-driver", Status.WARNING),
        ({"library": "1"}, {"container": "lxc"}, "not-loaded", Status.CRITICAL),
    ],
)
def test_why_no_driver_is_bound(driver: dict[str, Value], system: dict[str, Value], kind: str, status: Status) -> None:
    rows: Value = ({"vendor": "Maker", "kernel": "6.8", **driver},)
    seen = _seen((NODE, "device.driver", rows), (NODE, "host.system", system), row={"driver": "", "computes": False})
    found = _only(judge_module(seen))
    assert (found.facts["kind"], found.status) == (kind, status)
    assert found.facts["module"] == "good"


def test_a_driver_that_nobody_knows_is_no_fault() -> None:
    """Graphics chips on server boards have drivers for the screen alone, and are not meant to compute."""
    found = _only(judge_module(_seen(row={"driver": "screen-only", "computes": False})))
    assert (found.status, found.facts["kind"]) == (Status.UNKNOWN, "other-driver")


def test_a_second_maker_s_card_counts_where_its_runtime_cannot_be_asked() -> None:
    rows: tuple[dict[str, Value], ...] = ({**ROW, "vendor": "Other"},)
    for runtime, count in (((RUNTIME,), 1), (unknown("no runtime"), 1), (absent("no library"), 0)):
        about = {NODE: (("device.list", rows), ("device.runtime", runtime)), CARD: ((MEMORY[1], MEMORY[2]),)}
        about[ENGINE] = (_loaded(0.0)[1:],)
        seen = Seen(
            Observation(subject=ref, name=name, value=value, at=NOW, source="test")
            for ref, pairs in about.items()
            for name, value in pairs
        )
        assert len(list(judge_placement(seen))) == count


def test_the_gpu_in_a_processor_is_not_judged() -> None:
    for kind in ("integrated", "npu"):
        seen = _seen(
            (NODE, "device.runtime", (RUNTIME,)), (NODE, "device.errors", ()),
            row={"kind": kind, "driver": "", "computes": False},
        )  # fmt: skip
        assert not [*judge_module(seen), *judge_runtime(seen), *judge_errors(seen)]


def test_parts_of_one_version() -> None:
    def judged(**row: Value) -> Finding:
        return _only(judge_versions(_seen((NODE, "device.driver", ({"vendor": "Maker", **row},)))))

    assert judged(module="1.2", library="1.2").status is Status.OK
    assert judged(module="", library="").status is Status.OK
    assert judged(module="1.2", library="1.3").facts["kind"] == "mismatch"
    assert judged(module="1.2", library="1.2", libraries={"/a": "1.2", "/b": "1.1"}).facts["kind"] == "mixed"
    assert judged(problem="the other one comes first").facts["kind"] == "wsl-library"


@pytest.mark.parametrize(
    ("value", "status", "kind"),
    [
        (absent("no library"), Status.WARNING, "no-library"),
        (failed("not done within 10 s"), Status.WARNING, "no-answer"),
        (unknown("asleep"), Status.UNKNOWN, "not-asked"),
        ((RUNTIME,), Status.OK, "started"),
        (({**RUNTIME, "code": 999, "name": "UNKNOWN"},), Status.CRITICAL, "error"),
    ],
)
def test_the_runtime(value: Value | Missing, status: Status, kind: str) -> None:
    found = _only(judge_runtime(_seen((NODE, "device.runtime", value))))
    assert (found.status, found.facts["kind"]) == (status, kind)


def test_the_runtime_is_not_judged_without_a_driver() -> None:
    seen = _seen((NODE, "device.runtime", absent("no library")), row={"driver": "", "computes": False})
    assert not list(judge_runtime(seen))


def _error(**more: Value) -> dict[str, Value]:
    base: dict[str, Value] = {
        "vendor": "Maker", "kind": "xid", "code": "31", "name": "FAULT", "meaning": "a fault", "action": "Restart it.",
        "severity": "warning", "lasting": False, "pci": "0000:01:00.0", "at": NOW - 60, "text": "line", "count": 1,
    }  # fmt: skip
    return base | more


def test_errors_that_matter() -> None:
    def judged(*rows: dict[str, Value], code: int = 0) -> Finding:
        runtime: Value = ({**RUNTIME, "code": code},)
        return _only(judge_errors(_seen((NODE, "device.errors", rows), (NODE, "device.runtime", runtime))))

    old = NOW - RECENT_SECONDS - 1
    lasting = {"code": "79", "severity": "critical", "lasting": True, "action": "Reboot the machine."}
    assert judged().status is Status.OK
    assert judged(_error()).facts["xid"] == "31"
    assert judged(_error(at=old)).status is Status.OK
    assert judged(_error(severity="note")).status is Status.OK
    assert judged(_error(**lasting, at=old), code=999).status is Status.CRITICAL
    assert judged(_error(**lasting, at=old), code=0).status is Status.WARNING, "it was reset since"
    both = judged(_error(), _error(**lasting, at=NOW - 600), code=999)
    assert (both.facts["xid"], both.facts["action"]) == ("79", "reboot")
    echo = judged(_error(**lasting), _error(**{**lasting, "code": "154", "echo": True, "at": NOW}), code=999)
    assert echo.facts["xid"] == "79"
    assert "xid" not in judged(_error(kind="driver", code="off-bus")).facts


def test_a_log_that_cannot_be_read_proves_nothing() -> None:
    found = _only(judge_errors(_seen((NODE, "device.errors", failed("dmesg: Operation not permitted")))))
    assert found.status is Status.UNKNOWN
    assert "not permitted" in found.message


def test_an_environment_that_cannot_be_read_proves_nothing() -> None:
    selectors: Value = ({"variable": "PICK", "vendor": "Maker", "hiding": ("",)},)
    environments: tuple[tuple[dict[str, Value], int], ...] = (({}, 0), ({"HOME": "/"}, 1))
    for environment, count in environments:
        process: Value = {"pid": 1, "environment": environment}
        seen = _seen((NODE, "device.selectors", selectors), (ENGINE, "engine.process", process))
        assert len(list(judge_visible(seen))) == count


def test_an_error_goes_to_its_own_device() -> None:
    rows: Value = (ROW, {**ROW, "index": 1, "pci": "0000:02:00.0"})
    errors: Value = (_error(pci="0000:02:00.0"),)
    seen = Seen(
        Observation(subject=NODE, name=name, value=value, at=NOW, source="test")
        for name, value in (("device.list", rows), ("device.errors", errors))
    )
    assert [one.bad for one in judge_errors(seen)] == [False, True]


def test_errors_of_a_card_that_left_the_bus_are_told_of_the_node() -> None:
    seen = Seen([Observation(subject=NODE, name="device.errors", value=(_error(),), at=NOW, source="test")])
    found = _only(judge_errors(seen))
    assert found.subject == NODE
    assert found.bad


def test_without_any_gpu_nothing_is_said() -> None:
    seen = Seen(
        Observation(subject=NODE, name=name, value=value, at=NOW, source="test")
        for name, value in (("device.list", absent("none")), ("device.errors", ()), ("device.runtime", absent("none")))
    )
    judges = (judge_module, judge_runtime, judge_errors, judge_memory, judge_throttle, judge_link, judge_placement)
    assert not [finding for judge in judges for finding in judge(seen)]


def _loaded(ratio: float, size: int = 4 * GIB) -> tuple[Ref, str, Value]:
    row: Value = {"name": "m", "size_bytes": size, "gpu_bytes": int(size * ratio), "gpu_ratio": ratio}
    return ENGINE, "engine.loaded", (row,)


MEMORY = (CARD, "device.memory_total_bytes", 24 * GIB)


@pytest.mark.parametrize(
    ("ratio", "size", "kind", "status", "fits"),
    [
        (1.0, 4 * GIB, "gpu", Status.OK, "yes"),
        (0.995, 4 * GIB, "gpu", Status.OK, "yes"),
        (0.5, 4 * GIB, "split", Status.WARNING, "yes"),
        (0.4, 60 * GIB, "split", Status.WARNING, "no"),
        (0.0, 4 * GIB, "cpu", Status.CRITICAL, "yes"),
    ],
)
def test_placement(ratio: float, size: int, kind: str, status: Status, fits: str) -> None:
    found = _only(judge_placement(_seen(_loaded(ratio, size), MEMORY, (NODE, "device.runtime", (RUNTIME,)))))
    assert (found.facts["kind"], found.status, found.facts["fits"]) == (kind, status, fits)


@pytest.mark.parametrize("busy", [0.0, 1.0])
def test_how_busy_the_gpu_is_does_not_change_placement(busy: float) -> None:
    seen = _seen(_loaded(0.0), MEMORY, (NODE, "device.runtime", (RUNTIME,)), (CARD, "device.utilisation_ratio", busy))
    assert _only(judge_placement(seen)).status is Status.CRITICAL


@pytest.mark.parametrize(
    ("row", "code", "total"),
    [
        ({"power": "suspended"}, 0, 24 * GIB),
        ({"computes": False}, 0, 24 * GIB),
        ({"kind": "integrated"}, 0, 24 * GIB),
        ({}, 100, 24 * GIB),
        ({}, 0, GIB),
    ],
)
def test_placement_is_judged_only_where_a_gpu_works(row: dict[str, Value], code: int, total: int) -> None:
    runtime: Value = ({**RUNTIME, "code": code},)
    seen = _seen(_loaded(0.0), (CARD, "device.memory_total_bytes", total), (NODE, "device.runtime", runtime), row=row)
    assert not list(judge_placement(seen))


def test_placement_needs_a_split_that_was_told() -> None:
    models: Value = ({"name": "m", "size_bytes": 5},)
    assert not list(
        judge_placement(_seen((ENGINE, "engine.loaded", models), MEMORY, (NODE, "device.runtime", (RUNTIME,))))
    )


@pytest.mark.parametrize(
    ("used", "pid", "kind"),
    [
        (10 * GIB, 5, "room"),
        (24 * GIB - 1, 5, "full"),
        (23 * GIB, 5, "room"),
        (23 * GIB, 6, "foreign"),
        (23 * GIB, 7, "room"),
    ],
)
def test_memory_and_who_holds_it(used: int, pid: int, kind: str) -> None:
    """5 is the engine's runner, 6 a program of this node, 7 is unknown here (another namespace)."""
    found = _only(
        judge_memory(
            _seen(
                MEMORY,
                (CARD, "device.memory_used_bytes", used),
                (CARD, "device.processes", ({"pid": pid, "used_bytes": used},)),
                (ENGINE, "engine.process", {"pid": 4, "children": (5,)}),
                (NODE, "host.processes", ({"pid": 5, "argv": ("runner",)}, {"pid": 6, "argv": ("game",)})),
            )
        )
    )
    assert found.facts["kind"] == kind
    assert found.bad is (kind != "room")


@pytest.mark.parametrize(
    ("reasons", "limit", "kind"),
    [
        ((), 450, "none"),
        (("idle",), 450, "none"),
        (("power-limit",), 450, "none"),
        (("power-limit",), 200, "power-limit"),
        (("idle",), 200, "none"),
        (("thermal",), 450, "thermal"),
        (("hardware-slowdown", "power-brake"), 450, "power"),
        (("hardware-slowdown",), 450, "hardware"),
    ],
)
def test_throttling(reasons: tuple[str, ...], limit: int, kind: str) -> None:
    seen = _seen(
        (CARD, "device.throttle", reasons),
        (CARD, "device.power_limit_watts", limit),
        (CARD, "device.power_limit_default_watts", 450),
    )
    found = _only(judge_throttle(seen))
    assert found.facts["kind"] == kind
    assert found.bad is (kind != "none")


def test_throttling_that_is_not_told_is_not_judged() -> None:
    assert not list(judge_throttle(_seen((CARD, "device.throttle", absent("Not Supported")))))


@pytest.mark.parametrize(("width", "bad"), [(16, False), (8, False), (4, True), (1, True)])
def test_lanes(width: int, bad: bool) -> None:
    assert _only(judge_link(_seen((CARD, "device.link", {"width": width, "width_max": 16})))).bad is bad


@pytest.mark.parametrize(("on", "seconds", "bad"), [(False, 0.1, False), (False, 3.0, True), (True, 3.0, False)])
def test_persistence(on: bool, seconds: float, bad: bool) -> None:
    seen = _seen(
        (CARD, "device.identity", {"persistence": on}), (NODE, "device.runtime", ({**RUNTIME, "seconds": seconds},))
    )
    assert _only(judge_persistence(seen)).bad is bad


@pytest.mark.parametrize(("started", "ratio", "bad"), [(90.0, 0.0, True), (110.0, 0.0, False), (90.0, 1.0, False)])
def test_an_engine_that_was_started_before_the_driver(started: float, ratio: float, bad: bool) -> None:
    loaded: Value = (_error(kind="driver", code="loaded", severity="note", at=100.0),)
    seen = _seen(
        (NODE, "device.errors", loaded), (ENGINE, "engine.process", {"pid": 1, "started_at": started}), _loaded(ratio)
    )
    assert _only(judge_order(seen)).bad is bad


def test_memory_errors() -> None:
    def judged(**row: Value) -> Finding:
        return _only(judge_memory_health(_seen((CARD, "device.memory_health", row))))

    assert judged(uncorrected_errors=0).status is Status.OK
    assert judged(uncorrected_errors=3).status is Status.WARNING
    assert judged(uncorrected_errors=0, remap_pending=True).facts["kind"] == "pending"
    assert judged(uncorrected_errors=0, remap_failed=True).status is Status.CRITICAL
