"""Is the GPU really used: does the model lie there, and did a device work while it answered?"""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.checks.smoke.rows import Row, asked, because, number_of, tell
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen
from keepwell.core.words import share, size


def judge_gpu(seen: Seen) -> Iterator[Finding]:
    """WARNING where a device is there, and the model lies beside it or no device worked; UNKNOWN where none is."""
    for one, row in asked(seen, "gpu"):
        devices, total = number_of(row, "devices"), number_of(row, "size_bytes")
        ratio = number_of(row, "gpu_bytes") / max(total, 1.0)
        if not devices:
            yield tell(seen, one, row, Status.UNKNOWN, f"works without a GPU: none is seen on this node{because(row)}")
        elif total and ratio <= 0:
            words = f"holds the model in the host's memory, beside {devices:.0f} device(s)"
            yield tell(seen, one, row, Status.WARNING, words, kind="host", gpu_ratio=f"{ratio:.3f}")
        elif "busy" in row and not number_of(row, "busy"):
            words = "answered, and no device was busy meanwhile"
            yield tell(seen, one, row, Status.WARNING, words, kind="idle", gpu_ratio=f"{ratio:.3f}" * bool(total))
        elif "busy" not in row and not total:
            yield tell(seen, one, row, Status.UNKNOWN, f"has {devices:.0f} device(s), and nothing tells of their use")
        else:
            yield tell(seen, one, row, Status.OK, _describe(row, ratio, total), gpu_ratio=f"{ratio:.3f}" * bool(total))


def _describe(row: Row, ratio: float, total: float) -> str:
    words = ["uses a device"]
    words += [f"{share(ratio)} of the model lies there"] * bool(total)
    words += [f"up to {share(number_of(row, 'busy'))} busy while it answered"] * ("busy" in row)
    words += [f"{size(number_of(row, 'used_bytes'))} of its memory used"] * ("used_bytes" in row)
    return f"{words[0]}: {', '.join(words[1:])}"
