"""Which engine a command line, a unit's name or an image may be: hints for where to look, never proof."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from keepwell.plugins import registry
from keepwell.plugins.engine import Engine

_WORDS = re.compile(r"[^a-z0-9]+")


@cache
def load_engines() -> Mapping[str, Engine]:
    """Every engine plug-in by name."""
    return {name: one for name, one in registry.load_all("engines").items() if isinstance(one, Engine)}


def engine_of_command(argv: Sequence[str], engines: Mapping[str, Engine]) -> str:
    """The plug-in whose server this command line looks like, or ""."""
    if not argv:
        return ""
    return next((name for name, one in engines.items() if one.resembles(argv)), "")


def engine_of_name(text: str, engines: Mapping[str, Engine]) -> str:
    """The plug-in that a unit's, container's or image's name speaks of, or "": all words of one of its usual
    names stand in it ("llama-server-8b" holds "llama-server").
    """
    words = set(_words(text))
    for name, one in engines.items():
        if any(set(_words(usual)) <= words for usual in one.service_names):
            return name
    return ""


def is_usual_name(text: str, name: str, engines: Mapping[str, Engine]) -> bool:
    """True if the text is exactly one of the usual service names of this plug-in."""
    return name in engines and text in engines[name].service_names


def _words(text: str) -> list[str]:
    return [word for word in _WORDS.split(text.lower()) if word]
