"""The memory that models have to fit into: the card that was named or found, else the machine's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from keepwell.app.migrating.prepare_report import Card
from keepwell.core.errors import ConfigurationError
from keepwell.core.observation import Seen
from keepwell.core.ref import Ref
from keepwell.core.values import find_number, row_of, text_of
from keepwell.plugins.bus import load_plugins
from keepwell.plugins.counterpart import GIB
from keepwell.plugins.device import ContainerRights, GoesIntoContainers, KnowsBandwidth

#: "24", "24GiB", "24 GB": makers say GB and mean GiB.
_SIZE = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*(?:GiB|GB|G)?", re.IGNORECASE)
#: The largest cards have some hundreds of GiB; a larger number is a card's name.
MOST_GIB = 1024
#: The memory in a card's name ("A100-SXM4-80GB").
_IN_NAME = re.compile(r"(?<!\d)(\d{1,4})\s?(?:GiB|GB)\b", re.IGNORECASE)


def find_card(wanted: str, node: Ref, seen: Seen) -> Card | None:
    """The card that was named, else the largest of the node, else its main memory; None where none is known.

    Raises ConfigurationError for a name that no card of the node has and that does not tell its memory.
    """
    cards = sorted(_list_cards(seen), key=_memory, reverse=True)
    if wanted:
        return _find_named(wanted, cards)
    if cards:
        return cards[0]
    memory = find_number(seen.value(node, "host.memory_total_bytes"))
    if not memory:
        return None
    return Card(name="main memory", memory_bytes=int(memory), is_gpu=False, source="no GPU was found on the node")


def find_rights(card: Card | None) -> ContainerRights | None:
    """What a container needs to compute on this card; None for main memory and cards whose maker is not known."""
    if card is None or not card.toolkit:
        return None
    for plugin in load_plugins().values():
        if isinstance(plugin, GoesIntoContainers) and plugin.container_rights.toolkit == card.toolkit:
            return plugin.container_rights
    return None


def _list_cards(seen: Seen) -> Iterator[Card]:
    for one in seen.named("device.memory_total_bytes"):
        memory = find_number(one.value)
        identity = row_of(seen.value(one.subject, "device.identity"))
        if memory:
            yield Card(
                name=text_of(identity, "name") or one.subject.name,
                memory_bytes=int(memory),
                is_gpu=True,
                source=f"found on {one.subject.node}",
                toolkit=_toolkit(text_of(identity, "vendor")),
            )


def _find_named(wanted: str, cards: list[Card]) -> Card:
    words = wanted.strip().lower()
    named = next((one for one in cards if words in one.name.lower() and (len(words) > 2 or words == one.name)), None)
    if named is not None:
        return named
    size = _SIZE.fullmatch(words)
    if size is not None and 0 < float(size[1]) <= MOST_GIB:
        toolkit = next((one.toolkit for one in cards), "")
        memory = round(float(size[1]) * GIB)
        return Card(
            name=f"one of {size[1]} GiB", memory_bytes=memory, is_gpu=True, source="as asked for", toolkit=toolkit
        )
    inside = _IN_NAME.search(wanted)
    if inside is None:
        known = ", ".join(one.name for one in cards) or "none"
        raise ConfigurationError(
            f"the memory of {wanted!r} is not known", hint=f"write its GiB, like --gpu 24; cards found: {known}"
        )
    made = Card(name=wanted, memory_bytes=int(inside[1]) * GIB, is_gpu=True, source="its name says so")
    return replace(made, toolkit=_maker(wanted))


def _toolkit(title: str) -> str:
    """The toolkit of the maker of this title."""
    for plugin in load_plugins().values():
        if plugin.title == title and isinstance(plugin, GoesIntoContainers):
            return plugin.container_rights.toolkit
    return ""


def _maker(name: str) -> str:
    """The toolkit of the maker in whose table the card of this name stands."""
    for plugin in load_plugins().values():
        known = isinstance(plugin, KnowsBandwidth) and plugin.bandwidth(name) is not None
        if known and isinstance(plugin, GoesIntoContainers):
            return plugin.container_rights.toolkit
    return ""


def _memory(card: Card) -> int:
    return card.memory_bytes
