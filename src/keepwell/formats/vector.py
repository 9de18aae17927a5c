"""The numbers of an embedding in the OpenAI form."""

from __future__ import annotations

import msgspec

from keepwell.core.observation import Missing, absent


def parse_vector(body: bytes) -> tuple[float, ...] | Missing:
    """The first vector of an answer; absent with the reason where there is none that could be used. Raises nothing."""
    try:
        found: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return absent("the answer is not JSON")
    rows: object = None
    if isinstance(found, dict):
        rows = found.get("data")
    vector: object = None
    if isinstance(rows, list) and rows and isinstance(rows[0], dict):
        vector = rows[0].get("embedding")
    if not isinstance(vector, list) or not vector:
        return absent("no list of numbers is in the answer")
    numbers = tuple(one for one in vector if isinstance(one, int | float) and not isinstance(one, bool))
    if len(numbers) != len(vector):
        return absent("the embedding holds what is no number")
    if not any(numbers):
        return absent("every number of the embedding is 0")
    return numbers
