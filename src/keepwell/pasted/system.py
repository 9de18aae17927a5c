"""free, systemctl status, lspci -k: memory, units and bus as probes would have seen them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from keepwell.core.observation import Value
from keepwell.formats.transcript import Line, Transcript
from keepwell.plugins.bus import load_plugins
from keepwell.plugins.pasted import Told, lines_of
from keepwell.plugins.recognise import engine_of_name, load_engines

_FREE = re.compile(
    r"^(?P<what>Mem|Swap):\s+(?P<total>[\d.,]+[BKMGT]?i?)\s+(?P<used>[\d.,]+[BKMGT]?i?)"
    r"\s+(?P<free>[\d.,]+[BKMGT]?i?)(?:\s+\S+\s+\S+\s+(?P<available>[\d.,]+[BKMGT]?i?))?\s*$"
)
_FREE_HEAD = re.compile(r"^\s+total\s+used\s+free\s+shared\s+buff/cache\s+available")
_SIZE = re.compile(r"^([\d.,]{1,16})([BKMGT]?)i?$")
_FACTORS = {"": 1024, "B": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_UNIT = re.compile(r"^[●○×*]? ?(?P<unit>[\w@.-]{1,80}\.service)(?: - .{1,120})?$")
_ACTIVE = re.compile(
    r"^\s+Active: (?P<active>\w{2,20})(?: \((?P<sub>[\w-]{2,30})\))?"
    r"(?: \(Result: (?P<result>[\w-]{2,30})\))?"
)
_MAIN = re.compile(
    r"^\s+(?:Main PID|Process): (?P<pid>\d{1,8}) .{0,300}?\(code=(?P<kind>\w{3,10})"
    r"(?:, status=(?P<code>\d{1,3}))?"
)
_LOADED = re.compile(r"^\s+Loaded: \w{3,12} \((?P<fragment>/[^;)]{1,200}); (?P<enabled>\w{3,20})")
_DEVICE = re.compile(
    r"^(?P<pci>"
    r"(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) (?P<kind>VGA compatible controller|3D controller"
    r"|Display controller|Processing accelerators)(?: \[\w{4}\])?: (?P<name>.{3,200})$"
)
_DRIVER = re.compile(r"^\s+Kernel driver in use: (?P<driver>\S{2,40})$")
_MODULES = re.compile(r"^\s+Kernel modules: (?P<modules>\S.{1,200})$")


class System:
    """Gives host.memory_*, host.swap_*, host.units, and device.list and device.driver of what lspci shows."""

    hints = ("mem:", "active:", "controller", "processing accelerators")
    gives = (
        "host.memory_total_bytes",
        "host.memory_available_bytes",
        "host.swap_total_bytes",
        "host.swap_used_bytes",
        "host.units",
        "device.list",
        "device.driver",
    )

    def read(self, text: Transcript) -> Iterable[Told]:
        """Every such table that stands in the text."""
        yield from _memory(text.lines)
        units = list(_units(text.lines))
        if units:
            value = tuple({key: part for key, part in row.items() if key != "line"} for row in units)
            yield Told(name="host.units", value=value, lines=lines_of(units))
        yield from _bus(text.lines)


def _memory(lines: Iterable[Line]) -> Iterator[Told]:
    headed = False
    for line in lines:
        headed = headed or bool(_FREE_HEAD.match(line.text))
        found = _FREE.match(line.text)
        if found is None or not headed:
            continue
        total, used, available = (_bytes(found[key] or "") for key in ("total", "used", "available"))
        at = (line.number,)
        if found["what"] == "Mem" and total and available is not None and available <= total:
            yield Told(name="host.memory_total_bytes", value=total, lines=at)
            yield Told(name="host.memory_available_bytes", value=available, lines=at)
        elif found["what"] == "Swap" and total is not None and used is not None:
            yield Told(name="host.swap_total_bytes", value=total, lines=at)
            yield Told(name="host.swap_used_bytes", value=used, lines=at)


def _bytes(word: str) -> int | None:
    found = _SIZE.match(word)
    if found is None:
        return None
    digits = found[1].replace(",", ".")
    if digits.count(".") > 1 or not digits.strip("."):
        return None
    return int(float(digits) * _FACTORS[found[2]])


def _units(lines: Iterable[Line]) -> Iterator[dict[str, Value]]:
    """A unit's status: its name, then indented facts until its log begins."""
    row: dict[str, Value] = {}
    for line in lines:
        named = _UNIT.match(line.text)
        if named is not None:
            if "active" in row:
                yield row
            engine = engine_of_name(named["unit"].removesuffix(".service"), load_engines())
            row = {}
            if engine:
                row = {"unit": named["unit"], "engine": engine, "manager": "systemd", "line": line.number}
            continue
        if not row:
            continue
        for pattern in (_LOADED, _ACTIVE, _MAIN):
            found = pattern.match(line.text)
            if found is not None:
                row |= _facts(found)
    if "active" in row:
        yield row


def _facts(found: re.Match[str]) -> Mapping[str, Value]:
    told = {key: value for key, value in found.groupdict().items() if value}
    names = {"kind": "exit_kind", "code": "exit_code", "pid": "main_pid"}
    return {names.get(key, key): value for key, value in told.items()}


def _bus(lines: Iterable[Line]) -> Iterator[Told]:
    devices: list[dict[str, Value]] = []
    for line in lines:
        found = _DEVICE.match(line.text)
        driver, modules = _DRIVER.match(line.text), _MODULES.match(line.text)
        if found is not None:
            devices.append({"pci": found["pci"], "name": found["name"], "line": line.number})
        elif devices and driver is not None:
            devices[-1]["driver"] = driver["driver"]
        elif devices and modules is not None:
            devices[-1]["modules"] = modules["modules"]
    rows = [row for row in (_device(index, one) for index, one in enumerate(devices)) if row]
    if rows:
        numbers = lines_of(devices)
        yield Told(name="device.list", value=tuple(rows), lines=numbers)
        rivals = [_driver(row, one) for row, one in zip(rows, devices, strict=False) if row["driver"]]
        known = [row for row in rivals if row]
        if known:
            yield Told(name="device.driver", value=tuple(known), lines=numbers)


def _device(index: int, one: Mapping[str, Value]) -> dict[str, Value]:
    """A row of device.list for what lspci -k shows; {} where the vendor or what drives it is not told."""
    if "driver" not in one and "modules" not in one:
        return {}
    for name, plugin in load_plugins().items():
        if plugin.title.lower() in str(one["name"]).lower():
            driver = str(one.get("driver", ""))
            return {
                "index": index,
                "pci": one["pci"],
                "vendor": plugin.title,
                "plug_in": name,
                "name": one["name"],
                "driver": driver,
                "driver_wished": "".join(plugin.drivers[:1]),
                "computes": driver in plugin.drivers,
                "kind": plugin.kind(str(one["pci"]), "0x030000"),
            }
    return {}


def _driver(row: Mapping[str, Value], one: Mapping[str, Value]) -> dict[str, Value]:
    """A row of device.driver where another driver holds the device than one that computes."""
    wished = str(row["driver_wished"])
    if row["computes"] or wished not in str(one.get("modules", "")).replace(",", " ").split():
        return {}
    return {"vendor": row["vendor"], "rivals": (str(row["driver"]),), "module_file": wished}


PASTED = System()
