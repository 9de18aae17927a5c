"""What Ollama takes of a model that is moved to it, and how it is started."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.formats.number import find_whole


def find_context(settings: Mapping[str, str]) -> int:
    """OLLAMA_CONTEXT_LENGTH; 0 where it is left to the release and the card."""
    return find_whole(settings.get("OLLAMA_CONTEXT_LENGTH", "")) or 0
