"""Targets: from the words that a person typed to the places where to look. Pure, but for whether a file is there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keepwell.config.model import Config, NodeEntry
from keepwell.core.errors import ConfigurationError

#: How a file that holds a recorded node ends.
BUNDLE_SUFFIX = ".kwb"
#: The word for this machine and all that are declared.
EVERY = "all"
#: Words for the machine that keepwell runs on.
HERE = frozenset({"localhost", "here", "."})
# user@host:port, the user and the port optional; an IPv6 address with a port stands in brackets.
_ADDRESS = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][\w.-]*\$?)@)?(?:\[(?P<v6>[0-9A-Fa-f:]+)\]|(?P<host>[\w.-]+))(?::(?P<port>\d{1,5}))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A place to look: a recorded node (`bundle`), another node (`node`), or this machine (neither)."""

    name: str
    node: NodeEntry | None = None
    bundle: Path | None = None


def find_targets(words: Sequence[str], config: Config, here: str) -> tuple[Target, ...]:
    """What the words mean, each once, in their order; no words are this machine.

    A word is a declared node, this machine's name, "all" (this machine and all declared nodes), a bundle's path,
    or an address as `user@host:port`. Raises ConfigurationError for a word that is none of them.
    """
    found = [one for word in words or (here,) for one in _find(word, config, here)]
    return tuple({(one.name, one.bundle): one for one in found}.values())


def find_target(word: str, config: Config, here: str) -> Target:
    """The one place that a word means; "" is this machine. Raises ConfigurationError, also for several places."""
    found = find_targets([word] * bool(word), config, here)
    if len(found) > 1:
        raise ConfigurationError(f"{word!r} is {len(found)} nodes", hint="name one of them")
    return found[0]


def _find(word: str, config: Config, here: str) -> Iterator[Target]:
    named = [node for node in config.nodes if node.name == word]
    if word == EVERY and not named:
        yield Target(name=here)
        yield from (_of_node(one) for one in config.nodes)
    elif named:
        yield _of_node(named[0])
    elif word == here or word in HERE:
        yield Target(name=here)
    else:
        yield _elsewhere(word, config, here)


def _elsewhere(word: str, config: Config, here: str) -> Target:
    """A bundle, or an address that needs no entry."""
    if word.endswith(BUNDLE_SUFFIX) or "/" in word:
        return Target(name=Path(word).name.removesuffix(BUNDLE_SUFFIX), bundle=Path(word))
    parts = _ADDRESS.fullmatch(word)
    if parts is None or not _looks_like_address(word):
        raise ConfigurationError(f"{word!r} is no node that is known", hint=_hint(word, config, here))
    host = parts["v6"] or parts["host"]
    entry = NodeEntry(name=host, address=host, user=parts["user"] or "", port=int(parts["port"] or 0))
    return Target(name=host, node=entry)


def _of_node(node: NodeEntry) -> Target:
    """A node without an address is this machine under a name of the owner's."""
    if not node.address:
        return Target(name=node.name)
    return Target(name=node.name, node=node)


def _looks_like_address(word: str) -> bool:
    """A bare word may be a node's misspelt name: only what has a dot, a colon or a user is taken for an address."""
    return not {".", ":", "@"}.isdisjoint(word)


def _hint(word: str, config: Config, here: str) -> str:
    known = list(dict.fromkeys((here, *_names(config.nodes))))
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"name one of {', '.join(known)}, an address like ops@192.168.1.20, or a file that ends in {BUNDLE_SUFFIX}"


def _names(nodes: Iterable[NodeEntry]) -> Iterator[str]:
    return (one.name for one in nodes)
