"""Arrays of the kernel (md): disks that are missing, rebuilds and checks. What the kernel keeps; no disk is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from keepwell.core.observation import Missing, absent, failed
from keepwell.core.series import Reading
from keepwell.formats.number import find_whole
from keepwell.plugins.collecting import FileCollector, node_key
from keepwell.plugins.collector import Collector, Moment, Sight
from keepwell.plugins.watching import names_in, read_word

EVERY_SECONDS = 15.0
#: Arrays that are told of.
ARRAYS = 32
#: Levels whose arrays can lack a disk; a striped or linear one has nothing to spare.
NO_COPIES = ("raid0", "linear")


class Arrays:
    """`Looker`. Five small files an array."""

    def __init__(self, node: str) -> None:
        self._node = node

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """Every array; nothing where there is none."""
        del moment
        names = [name for name in names_in(sight, "/sys/block") if name.startswith("md")]
        return [one for name in names[:ARRAYS] for one in self._tell(sight, name)]

    def close(self) -> None:
        """Nothing is held."""

    def _tell(self, sight: Sight, name: str) -> Iterator[Reading]:
        base = f"/sys/block/{name}/md"
        level = read_word(sight, f"{base}/level")
        if not level:
            return
        yield node_key(self._node, "host.array_disks", array=name), _number(sight, f"{base}/raid_disks")
        missing: float | Missing = absent(f"{level} has no disk to spare")
        mismatches = missing
        if level not in NO_COPIES:
            missing = _number(sight, f"{base}/degraded")
            mismatches = _number(sight, f"{base}/mismatch_cnt")
        yield node_key(self._node, "host.array_missing_disks", array=name), missing
        yield node_key(self._node, "host.array_mismatches", array=name), mismatches
        yield node_key(self._node, "host.array_sync_ratio", array=name), _come(sight, base)


def _number(sight: Sight, path: str) -> float | Missing:
    word = read_word(sight, path)
    number = find_whole(word)
    if number is None:
        return failed(f"{path} does not tell a number: {word[:40]!r}")
    return float(number)


def _come(sight: Sight, base: str) -> float | Missing:
    """`sync_completed` is "none", "delayed" or "done / all" in sectors; arrays without copies have no such file."""
    word = read_word(sight, f"{base}/sync_completed")
    if not word:
        return absent("it is never rebuilt or checked")
    done, _, whole = word.partition("/")
    sectors, of = find_whole(done), find_whole(whole)
    if sectors is not None and of:
        return min(1.0, sectors / of)
    if done.strip() == "delayed":
        return 0.0
    return 1.0


COLLECTOR: Collector = FileCollector(
    every_seconds=EVERY_SECONDS,
    gives=("host.array_disks", "host.array_mismatches", "host.array_missing_disks", "host.array_sync_ratio"),
    begin=Arrays,
)
