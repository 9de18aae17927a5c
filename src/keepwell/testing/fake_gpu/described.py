"""From what NVML said of real cards to the description of a machine that says the same: a recording as a case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from keepwell.testing.fake_gpu.card import NOT_SUPPORTED, FakeCard, FakeInstance, FakeProcess
from keepwell.testing.fake_gpu.machine import FakeMachine

#: A question of `keepwell.devices._nvml_child`: the key of the data file, and the card's fields that it fills.
FIELDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "name": ("name", ("name",)),
    "uuid": ("uuid", ("uuid",)),
    "memory": ("memory.total", ("memory_total_bytes", "memory_used_bytes")),
    "utilisation": ("utilisation", ("utilisation_percent",)),
    "temperature": ("temperature", ("temperature_celsius",)),
    "power": ("power", ("power_milliwatts",)),
    "power_limit": ("power.limit", ("power_limit_milliwatts",)),
    "power_limit_default": ("power.default", ("power_default_milliwatts",)),
    "clock": ("clock", ("clock_megahertz",)),
    "throttle": ("throttle", ("throttle",)),
    "persistence": ("persistence", ("persistence",)),
    "compute_mode": ("compute_mode", ("compute_mode",)),
    "ecc_uncorrected": ("ecc.uncorrected", ("ecc_uncorrected",)),
    "capability": ("capability", ("capability",)),
    "link": ("link", ("link",)),
    "remapped_rows": ("remapped", ("remapped",)),
    "retired_pending": ("retired.pending", ("retired_pending",)),
    "partition": ("mig", ("mig",)),
    "licence": ("virtual", ("virtual",)),
    "processes": ("processes", ()),
}
#: Where a question and the data file's key have other names.
RENAMED = {"compute_capability": "capability"}


def describe_report(report: Mapping[str, Any]) -> FakeMachine:
    """A machine whose stand-in driver gives this report (the JSON of `keepwell.devices._nvml_child`)."""
    driver, api, error = report.get("driver", ""), report.get("api", 0), report.get("error")
    return FakeMachine(
        driver=str(driver),
        library=str(driver),
        cuda=int(api) if isinstance(api, int) else 0,
        nvml_code=int(error["code"]) if isinstance(error, Mapping) else 0,
        cards=tuple(_card(one) for one in report.get("devices", ())),
    )


def compare_reports(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Every field in which two reports differ, as "device 0 power: 3 here, 4 there"."""
    found = list(_differences("machine", _whole(one), _whole(other)))
    mine, theirs = one.get("devices", []), other.get("devices", [])
    if len(mine) != len(theirs):
        found.append(f"machine devices: {len(mine)} here, {len(theirs)} there")
    for number, (here, there) in enumerate(zip(mine, theirs, strict=False)):
        found += _differences(f"device {number}", here, there)
    return found


def _whole(report: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report.items() if key != "devices"}


def _differences(what: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(one.keys() | other.keys()):
        here, there = one.get(key), other.get(key)
        if here != there:
            yield f"{what} {key}: {here} here, {there} there"


def _card(raw: Mapping[str, Any]) -> FakeCard:
    error = raw.get("error")
    if isinstance(error, Mapping):
        return FakeCard(handle=int(error["code"]))
    values: dict[str, Any] = {"refuses": {}, "pci": _pci(raw.get("pci"))}
    for asked, answer in raw.items():
        key, names = FIELDS.get(RENAMED.get(asked, asked), ("", ()))
        code = _code(answer)
        if code is None and names:
            values |= zip(names, _split(asked, answer, len(names)), strict=True)
        elif code is not None:
            values |= dict.fromkeys(names)
            if code != NOT_SUPPORTED or asked == "processes":
                values["refuses"][key] = code
    if _code(raw.get("processes")) is None:
        values["processes"] = tuple(
            FakeProcess(pid=one["pid"], used_bytes=one["used_bytes"]) for one in raw.get("processes", ())
        )
    values |= _licence(raw.get("licence")) | _instances(raw.get("partition"))
    for name in ("name", "uuid", "capability"):
        if values.get(name) is None:
            values.pop(name, None)
    return FakeCard(**values)


def _code(answer: Any) -> int | None:
    """The NVML code of a refused answer, None for one that was given."""
    if isinstance(answer, Mapping) and "missing" in answer:
        return int(answer["missing"]["code"])
    return None


def _split(asked: str, answer: Any, count: int) -> list[Any]:
    """The answer as the values of so many fields."""
    if asked == "memory":
        return list(answer)[:count]
    if asked == "partition":
        return [(bool(answer[0]), bool(answer[1]))]
    if asked == "licence":
        return [answer["mode"]]
    if asked in ("persistence", "retired_pending"):
        return [bool(answer)]
    if isinstance(answer, list):
        return [tuple(answer)]
    return [answer]


def _licence(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, Mapping) or not answer.get("features"):
        return {}
    state, product = answer["features"][0]
    return {"licence": state, "licence_product": product}


def _instances(answer: Any) -> dict[str, Any]:
    """As many instances as were counted; their sizes were not asked for."""
    if not isinstance(answer, list):
        return {}
    return {"instances": tuple(FakeInstance(uuid=f"MIG-{number}", memory_bytes=0) for number in range(answer[2]))}


def _pci(address: Any) -> str:
    """NVML's eight digits of domain as the four that a card is described with."""
    if not isinstance(address, str):
        return FakeCard().pci
    domain, _, rest = address.lower().partition(":")
    return f"{domain[-4:]}:{rest}"
