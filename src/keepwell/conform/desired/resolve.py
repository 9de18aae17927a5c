"""Which wishes apply to which node, and whether two of them contradict each other. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from keepwell.config.desired_model import DesiredEntry, WishEntry
from keepwell.config.model import Config
from keepwell.core.errors import ConfigurationError
from keepwell.core.observation import Missing
from keepwell.plugins.wish import Keeps, Wish, find_wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    """One table wished for a node: of which group, kept by which step, about what (`label`: "file /etc/motd").

    `missing` says why its values are not known: its source or its baseline cannot be read.
    """

    group: DesiredEntry
    step: str
    keeps: Keeps
    wish: Wish
    label: str
    missing: Missing | None = None

    @property
    def table(self) -> str:
        """The name of its table."""
        return self.keeps.table


def find_nodes(config: Config, here: str) -> tuple[str, ...]:
    """Every node that a group is about. A group that names none is about every declared node; this machine counts as
    one where it is declared, or nothing is.
    """
    known = {one.name: frozenset(one.tags) for one in config.nodes} or {here: frozenset[str]()}
    if any(here in group.nodes for group in config.desired):
        known.setdefault(here, frozenset())
    return tuple(name for name in known if find_groups(config, (name,), here))


def find_groups(config: Config, names: Collection[str], here: str = "") -> tuple[DesiredEntry, ...]:
    """The groups that are about the node with these names, in their order."""
    tags = frozenset(tag for one in config.nodes if one.name in names for tag in one.tags)
    known = {one.name for one in config.nodes} or {here}
    every = not known.isdisjoint(names)
    return tuple(one for one in config.desired if _is_about(one, names, tags, every))


def _is_about(group: DesiredEntry, names: Collection[str], tags: frozenset[str], every: bool) -> bool:
    if not group.nodes and not group.tags:
        return every
    return not set(group.nodes).isdisjoint(names) or not tags.isdisjoint(group.tags)


def resolve(groups: Iterable[DesiredEntry]) -> tuple[Wished, ...]:
    """The tables of these groups, in their order. Raises ConfigurationError where two of them contradict each other."""
    wished = tuple(make_wished(group, one) for group in groups for one in group.wishes)
    require_agreement(wished)
    return wished


def make_wished(group: DesiredEntry, entry: WishEntry) -> Wished:
    """One table with the step that keeps it; ConfigurationError where no step does."""
    found = find_wish(entry.table)
    if found is None:
        raise ConfigurationError(f"no step keeps {entry.table!r}", where=name_group(group))
    step, keeps = found
    return Wished(group=group, step=step, keeps=keeps, wish=entry.values, label=make_label(keeps, entry.values))


def make_label(keeps: Keeps, wish: Wish) -> str:
    """What a table is about: its name, and what stands under the keys that have to be there."""
    return " ".join((keeps.table, *(str(one) for one in identify(keeps, wish).values())))


def identify(keeps: Keeps, wish: Wish) -> Wish:
    """The part of a table that says what it is about: the keys that have to be there."""
    names = [key.field or key.name for key in keeps.keys if key.required]
    return {name: wish[name] for name in names if name in wish}


def require_agreement(wished: Sequence[Wished]) -> None:
    """Raises ConfigurationError with the first thing of which two tables say something different."""
    first: dict[str, list[Wished]] = {}
    for one in wished:
        for other in first.setdefault(one.label, []):
            for key in _find_disagreements(other, one):
                raise ConfigurationError(
                    f"two tables say different things of {one.label}: {key}",
                    where=" and ".join(dict.fromkeys((name_group(other.group), name_group(one.group)))),
                    hint="say it once, or give the groups nodes of their own",
                )
        first[one.label].append(one)


def name_group(group: DesiredEntry) -> str:
    """A group as its owner calls it."""
    if group.name:
        return f"[[desired]] {group.name}"
    return f"[[desired]] of {', '.join(group.nodes or group.tags) or 'every node'}"


def _find_disagreements(one: Wished, other: Wished) -> Iterator[str]:
    """The keys that both say, differently. Lists of tables that are about nothing in particular add up."""
    for key, value in one.wish.items():
        if key not in other.wish or other.wish[key] == value:
            continue
        theirs = other.wish[key]
        if isinstance(value, Mapping) and isinstance(theirs, Mapping):
            yield from (f"{key}.{name}" for name in value if name in theirs and theirs[name] != value[name])
        elif not isinstance(value, tuple) or identify(one.keeps, one.wish):
            yield key
