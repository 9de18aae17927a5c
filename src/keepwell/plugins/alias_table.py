"""Which names of a page of metrics mean which of keepwell's: a TOML file beside the plug-in whose page it is.

prefixes = ["thing:", "ray_thing_"]          # how names begin; below they stand without
bare = ["ray_thing_"]                         # prefixes under which counters may lack their `_total`
labels = {model = "model_name"}               # our labels, and theirs
subject = "device:{node}/{gpu}"               # "" or left out: what the page is asked for; {names} are their labels
refuse_from = 9.2e18                          # numbers from here on stand for "not supported"

[[series]]
name = "engine.kv_cache_ratio"                # a declared metric
told_as = ["cache_usage_perc since 0.10", "gpu_cache_usage_perc until 0.11"]      # the first that is there counts
combine = "mean"                              # of several lines that are one series: sum (usual), mean, highest
every = true                                  # all of the names count, and are added up
where = {reason = "error"}                    # only lines with these labels
fixed = {share = "some"}                      # labels that all of its lines get
values = {irq = "interrupt"}                  # other words for the values of labels
factor = 0.001                                # of their unit in ours

[[times]]
stem = "engine.queue"                         # a histogram of seconds, see keepwell.metrics.engine_series
told_as = ["request_queue_time_seconds"]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from keepwell.core.distribution import EDGE, name_distribution
from keepwell.core.errors import ConfigurationError

Combine: TypeAlias = Literal["sum", "mean", "highest"]
_COUNTED = "_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A series and the names under which it was told, newest first, each with the releases (see the module)."""

    name: str
    told_as: tuple[str, ...]
    combine: Combine = "sum"
    where: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    every: bool = False
    subject: str = ""
    factor: float = 1.0

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names alone."""
        return tuple(one.split(" ", 1)[0] for one in self.told_as)


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """A histogram of seconds: three series."""

    stem: str
    told_as: tuple[str, ...]
    factor: float = 1.0


class Place(NamedTuple):
    """Where a name leads: the row, and which of its names this is (0: the newest)."""

    row: Row
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasTable:
    """The file as data; fields as in the module's text. `rows` holds histograms too, as three rows each."""

    prefixes: tuple[str, ...]
    rows: tuple[Row, ...]
    bare: tuple[str, ...] = ()
    refuse_from: float = float("inf")
    places: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Our names of all its series."""
        return tuple(dict.fromkeys(row.name for row in self.rows))

    def find(self, name: str) -> tuple[Place, ...]:
        """What a name on the page leads to; () for one of no interest."""
        for prefix in self.prefixes:
            if name.startswith(prefix):
                rest = name.removeprefix(prefix)
                found = self.places.get(rest, ())
                if not found and prefix in self.bare:
                    found = self.places.get(rest + _COUNTED, ())
                return found
        return ()


@cache
def load_alias_table(path: Path) -> AliasTable:
    """Read the file, once; ConfigurationError with its path for anything that does not fit."""
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(f"a table of names of metrics cannot be read: {error}", where=str(path)) from error
    rows = [
        replace(one, labels={**found.labels, **one.labels}, subject=one.subject or found.subject)
        for one in (*found.series, *_spread(found.times))
    ]
    places: dict[str, list[Place]] = {}
    for row in rows:
        for rank, alias in enumerate(row.aliases):
            places.setdefault(alias, []).append(Place(row, rank * (not row.every)))
    return AliasTable(
        prefixes=found.prefixes,
        rows=tuple(rows),
        bare=found.bare,
        refuse_from=found.refuse_from,
        places={name: tuple(some) for name, some in places.items()},
    )


def _spread(times: tuple[Times, ...]) -> Iterator[Row]:
    """A histogram as the rows of its sum, number and buckets."""
    for one in times:
        names = name_distribution(one.stem)
        yield Row(name=names.total, told_as=_ending(one.told_as, "_sum"), factor=one.factor)
        yield Row(name=names.number, told_as=_ending(one.told_as, "_count"))
        yield Row(name=names.bucket, told_as=_ending(one.told_as, "_bucket"), labels={EDGE: EDGE}, factor=one.factor)


def _ending(told_as: tuple[str, ...], end: str) -> tuple[str, ...]:
    pairs = (one.partition(" ") for one in told_as)
    return tuple(f"{name}{end}{blank}{releases}" for name, blank, releases in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    prefixes: tuple[str, ...]
    bare: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    subject: str = ""
    refuse_from: float = float("inf")
    series: tuple[Row, ...] = ()
    times: tuple[Times, ...] = ()
