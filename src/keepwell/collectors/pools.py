"""Storage pools (ZFS): state, room, errors. By zpool, which asks the kernel and no disk, and holds up no look.

The state alone comes from a file of the kernel at each look, so that a pool that is suspended, in which zpool itself
would hang, is told of at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from keepwell.core.observation import Missing, absent, failed, unknown
from keepwell.core.series import Reading
from keepwell.formats.zpool import COLUMNS, parse_list, parse_status
from keepwell.plugins.asides import Aside, Said
from keepwell.plugins.collecting import FileCollector, node_key
from keepwell.plugins.collector import Collector, Moment, Sight
from keepwell.plugins.watching import names_in, read_word

EVERY_SECONDS = 10.0
#: Seconds between two questions to zpool.
ASK_SECONDS = 60.0
#: Seconds that zpool may take: it waits for what else changes the pools.
SECONDS = 10.0
#: Where OpenZFS on Linux keeps a folder for each pool that is imported.
STATES = "/proc/spl/kstat/zfs"
LIST = ("zpool", "list", "-Hp", "-o", ",".join(COLUMNS))
STATUS = ("zpool", "status", "-p")
#: Pools that are told of.
POOLS = 32
NUMBERS = ("total_bytes", "free_bytes", "used_ratio", "fragmented_ratio", "data_errors")
KINDS = ("read", "write", "checksum")
NOT_YET = unknown("zpool has not answered yet")
NOT_TOLD = absent("zpool does not tell")


class Pools:
    """`Looker`. A look reads one small file a pool; zpool runs beside, its two questions in turn."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._aside = Aside(SECONDS)
        self._asked: tuple[str, ...] = STATUS
        self._due = 0.0
        self._told: dict[str, dict[str, float]] = {}
        self._why = NOT_YET

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """Every pool; nothing where ZFS has none."""
        states = dict(self._states(sight))
        if not states:
            return []
        self._hear(moment)
        if moment.clock >= self._due and not self._aside.busy:
            self._ask(moment)
        return [one for pool, state in states.items() for one in self._tell(pool, state)]

    def close(self) -> None:
        """End a zpool that still runs."""
        self._aside.close()

    def _states(self, sight: Sight) -> Iterator[tuple[str, str]]:
        for name in names_in(sight, STATES)[:POOLS]:
            state = read_word(sight, f"{STATES}/{name}/state")
            if state:
                yield name, state

    def _ask(self, moment: Moment) -> None:
        """The list, and as soon as that has answered the errors; both again a minute later."""
        self._asked = {LIST: STATUS, STATUS: LIST}[self._asked]
        if self._asked == STATUS:
            self._due = moment.clock + ASK_SECONDS
        why = self._aside.start(self._asked, moment.clock)
        if why is not None:
            self._why, self._due = why, moment.clock + ASK_SECONDS

    def _hear(self, moment: Moment) -> None:
        answer = self._aside.answer(moment.clock)
        if answer is None:
            return
        if isinstance(answer, Missing):
            self._why = answer
        elif answer.code:
            self._why = failed(f"zpool says: {_words(answer)}")
        else:
            self._why = NOT_TOLD
            text = answer.stdout.decode("utf-8", "replace")
            rows = {LIST: parse_list, STATUS: parse_status}[self._asked](text)
            for pool, numbers in rows.items():
                self._told[pool] = self._told.get(pool, {}) | numbers

    def _tell(self, pool: str, state: str) -> Iterator[Reading]:
        told = self._told.get(pool, {})
        yield node_key(self._node, "host.pool_healthy", pool=pool), float(state == "ONLINE")
        for name in NUMBERS:
            yield node_key(self._node, f"host.pool_{name}", pool=pool), told.get(name, self._why)
        for kind in KINDS:
            yield node_key(self._node, "host.pool_errors", pool=pool, kind=kind), told.get(kind, self._why)


def _words(answer: Said) -> str:
    return answer.stderr.decode("utf-8", "replace").strip()[:200] or f"exit code {answer.code}"


COLLECTOR: Collector = FileCollector(
    every_seconds=EVERY_SECONDS,
    gives=("host.pool_errors", "host.pool_healthy", *(f"host.pool_{name}" for name in NUMBERS)),
    begin=Pools,
    here_only=True,
)
