"""The binary table `gpu_metrics` of amdgpu: why clocks are lowered, of cards whose table is of revision 1.3.

The layout is that of `struct gpu_metrics_v1_3` in the kernel's kgd_pp_interface.h (Navi, Arcturus, Aldebaran and newer
cards; processors' own GPUs have revisions 2 and 3, the MI300 family 1.4 and newer), the bits are SMU_THROTTLER_* in its
amdgpu_smu.h.
"""

from __future__ import annotations

import struct

#: Size of the table, its two revisions.
_HEADER = struct.Struct("<HBB")
_REVISION = (1, 3)
#: Where the reasons that do not depend on the card stand, and how they look where the firmware does not tell.
_REASONS_AT, _UNTOLD = 112, 2**64 - 1
#: Bits of power and current limits; of temperatures; of voltage regulators' and the board's own protection.
_BITS: dict[str, tuple[range, ...]] = {
    "power-limit": (range(8), range(16, 24)),
    "thermal": (range(32, 44),),
    "thermal-hardware": (range(44, 46),),
    "hardware-slowdown": (range(46, 48),),
}
REASONS = tuple(_BITS)
_MASKS = {reason: sum(1 << bit for bits in ranges for bit in bits) for reason, ranges in _BITS.items()}


def is_lowered(table: bytes, reason: str) -> bool:
    """Whether clocks are lowered for this one of REASONS. Raises ValueError for a table that does not tell."""
    if len(table) < _REASONS_AT + 8:
        raise ValueError("too short")
    _, *revision = _HEADER.unpack_from(table)
    if tuple(revision) != _REVISION:
        raise ValueError(f"of revision {revision}")
    (bits,) = struct.unpack_from("<Q", table, _REASONS_AT)
    if bits == _UNTOLD:
        raise ValueError("without reasons")
    return bool(bits & _MASKS[reason])
