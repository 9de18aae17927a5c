"""How a request gets to an engine that does not have its path: by another path, with a codec for the same kind. Pure.

Which formats reach which as a whole is told by `reach`; here it is one path's requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keepwell.plugins.codec import Codec
from keepwell.plugins.dialect import Dialect, Endpoint


@dataclass(frozen=True, slots=True)
class Way:
    """To an engine that has `word` among its dialects; the codec tells the path there, `dialect` whose it is."""

    word: str
    dialect: str
    codec: Codec


def find_word(name: str, endpoint: Endpoint) -> str:
    """What stands among the dialects of an engine that has this path of the dialect `name`."""
    if endpoint.codec is None:
        return name
    return endpoint.word or name


def find_ways(dialects: Mapping[str, Dialect], name: str, endpoint: Endpoint) -> tuple[Way, ...]:
    """All ways of this path's requests to engines that do not have it, in the order of the dialects; () for a path
    that is never translated.
    """
    own = endpoint.codec
    if own is None:
        return ()
    word = find_word(name, endpoint)
    return tuple(
        Way(there, other, one.codec)
        for other, dialect in dialects.items()
        for one in dialect.endpoints
        if one.codec is not None and (there := find_word(other, one)) != word and one.codec.kinds & own.kinds
    )


def find_all_words(dialects: Mapping[str, Dialect]) -> dict[str, frozenset[str]]:
    """By what a client speaks: what engines speak that some request of it can be translated for; never the same."""
    found: dict[str, frozenset[str]] = {}
    for name, dialect in dialects.items():
        for one in dialect.endpoints:
            words = frozenset(way.word for way in find_ways(dialects, name, one))
            if words:
                word = find_word(name, one)
                found[word] = found.get(word, frozenset()) | words
    return found
