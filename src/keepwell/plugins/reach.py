"""Which formats a model can be asked in: those that its engine speaks, and those that can be translated into them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from keepwell.plugins.asked import Kind
from keepwell.plugins.dialect import Dialect

#: Client's format, engine's format, and the kinds of request that go from the one to the other.
Reach: TypeAlias = Mapping[str, Mapping[str, frozenset[Kind]]]
#: What a model has to be able to do for each kind, in the words of `residency.Ability`.
NEEDED: Mapping[Kind, str] = {"chat": "chat", "completion": "chat", "embed": "embed"}


def find_reach(dialects: Mapping[str, Dialect]) -> Reach:
    """For each pair of formats the kinds that both have codecs for; a pair without any is left out."""
    kinds = {name: _find_kinds(one) for name, one in dialects.items()}
    return {
        name: {other: own & theirs for other, theirs in kinds.items() if own & theirs and other != name}
        for name, own in kinds.items()
    }


def is_reached(reach: Reach, name: str, spoken: Collection[str], cannot: Collection[str] = ()) -> bool:
    """True if a client of format `name` can ask a model whose engines speak `spoken` and that `cannot` do some things;
    also where nobody knows what they speak.
    """
    if not spoken or name in spoken:
        return True
    reached = reach.get(name, {})
    return any(NEEDED[kind] not in cannot for other in spoken for kind in reached.get(other, ()))


def _find_kinds(dialect: Dialect) -> frozenset[Kind]:
    return frozenset(kind for one in dialect.endpoints if one.codec is not None for kind in one.codec.kinds)
