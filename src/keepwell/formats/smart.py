"""What `smartctl --json` tells of a disk, of any kind: ATA, NVMe, SCSI."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

#: ATA attributes by number, as all makers use them: replaced sectors, sectors that wait, reads that could not be
#: corrected (two numbers for the same, one of them by the disk's own scan), failed transfers.
REALLOCATED, PENDING, REPORTED, OFFLINE, TRANSFERS = 5, 197, 187, 198, 199
SECONDS_PER_HOUR = 3600
#: Numbers beyond are what a confused bridge says: 2^53 is as far as JSON carries.
LARGEST = 2**53


def parse_smart(content: bytes) -> dict[str, float]:
    """Numbers by the ends of their metrics' names (`healthy`, `temperature_celsius` ...); {} for no such answer.

    What a disk does not tell is left out.
    """
    told = _object(content)
    found = dict(_common(told))
    found |= _ata(told.get("ata_smart_attributes"))
    found |= _nvme(told.get("nvme_smart_health_information_log"))
    found |= _scsi(told)
    return {name: number for name, number in found.items() if 0 <= number < LARGEST}


def find_message(content: bytes) -> str:
    """What smartctl says beside: its first message, "" if there is none."""
    messages = _map(_object(content).get("smartctl")).get("messages")
    if not isinstance(messages, list):
        return ""
    return "".join([str(_map(one).get("string", "")) for one in messages][:1])


def _common(told: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    passed = _map(told.get("smart_status")).get("passed")
    if isinstance(passed, bool):
        yield "healthy", float(passed)
    yield from _numbered("temperature_celsius", _map(told.get("temperature")).get("current"))
    yield from _numbered("on_seconds_total", _map(told.get("power_on_time")).get("hours"), SECONDS_PER_HOUR)
    yield from _numbered("worn_ratio", _map(told.get("endurance_used")).get("current_percent"), 0.01)
    yield from _numbered("spare_ratio", _map(told.get("spare_available")).get("current_percent"), 0.01)


def _ata(attributes: Any) -> dict[str, float]:
    table = _map(attributes).get("table")
    if not isinstance(table, list):
        return {}
    raw = {_map(row).get("id"): _map(_map(row).get("raw")).get("value") for row in table}
    found = dict(_numbered("reallocated_sectors", raw.get(REALLOCATED)))
    found |= _numbered("pending_sectors", raw.get(PENDING))
    found |= _numbered("media_errors_total", raw.get(OFFLINE))
    found |= _numbered("media_errors_total", raw.get(REPORTED))
    found |= _numbered("cable_errors_total", raw.get(TRANSFERS))
    return found


def _nvme(log: Any) -> dict[str, float]:
    found = dict(_numbered("worn_ratio", _map(log).get("percentage_used"), 0.01))
    found |= _numbered("spare_ratio", _map(log).get("available_spare"), 0.01)
    found |= _numbered("media_errors_total", _map(log).get("media_errors"))
    found |= _numbered("temperature_celsius", _map(log).get("temperature"))
    found |= _numbered("on_seconds_total", _map(log).get("power_on_hours"), SECONDS_PER_HOUR)
    return found


def _scsi(told: Mapping[str, Any]) -> dict[str, float]:
    found = dict(_numbered("reallocated_sectors", told.get("scsi_grown_defect_list")))
    found |= _numbered("worn_ratio", told.get("scsi_percentage_used_endurance_indicator"), 0.01)
    reads = _map(_map(told.get("scsi_error_counter_log")).get("read"))
    found |= _numbered("media_errors_total", reads.get("total_uncorrected_errors"))
    return found


def _numbered(name: str, value: Any, worth: float = 1.0) -> Iterator[tuple[str, float]]:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST:
        yield name, value * worth


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        return _map(json.loads(content or b"{}"))
    except (ValueError, RecursionError):
        return {}


def _map(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    return {}
