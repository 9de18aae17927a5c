"""Answers of smartctl for three kinds of disks, in the shape of its JSON, shortened to what is read and some beside."""

from __future__ import annotations

from typing import Any


def _attribute(number: int, name: str, raw: int) -> dict[str, Any]:
    return {"id": number, "name": name, "value": 100, "worst": 100, "thresh": 10, "raw": {"value": raw}}


ATA: dict[str, Any] = {
    "json_format_version": [1, 0],
    "smartctl": {"version": [7, 3], "exit_status": 0},
    "device": {"name": "/dev/sda", "type": "sat", "protocol": "ATA"},
    "rotation_rate": 5400,
    "smart_status": {"passed": True},
    "ata_smart_attributes": {
        "revision": 16,
        "table": [
            _attribute(5, "Reallocated_Sector_Ct", 8),
            _attribute(187, "Reported_Uncorrect", 1),
            _attribute(194, "Temperature_Celsius", 41),
            _attribute(197, "Current_Pending_Sector", 2),
            _attribute(198, "Offline_Uncorrectable", 0),
            _attribute(199, "UDMA_CRC_Error_Count", 3),
        ],
    },
    "power_on_time": {"hours": 20123},
    "temperature": {"current": 41},
}
NVME: dict[str, Any] = {
    "smartctl": {"version": [7, 3], "exit_status": 0},
    "device": {"name": "/dev/nvme0n1", "type": "nvme", "protocol": "NVMe"},
    "smart_status": {"passed": True, "nvme": {"value": 0}},
    "nvme_smart_health_information_log": {
        "critical_warning": 0,
        "temperature": 38,
        "available_spare": 100,
        "percentage_used": 4,
        "media_errors": 0,
        "power_on_hours": 4211,
    },
}
SAS: dict[str, Any] = {
    "smart_status": {"passed": True},
    "scsi_grown_defect_list": 5,
    "scsi_error_counter_log": {"read": {"total_uncorrected_errors": 2}},
    "temperature": {"current": 30},
}
