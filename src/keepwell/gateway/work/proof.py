"""Which model answered: what the engine says, set against what was asked, as headers of the answer."""

from __future__ import annotations

import re
from functools import lru_cache

from keepwell.gateway.record.facts import Facts

_MODEL = re.compile(rb'"model"\s*:\s*"([^"\\]{1,256})"')
#: Bytes of the beginning of an answer in which the model's name is looked for.
START_BYTES = 4096


def find_model(start: bytes) -> str:
    """The first model that the beginning of an answer names, "" if it names none."""
    found = _MODEL.search(start[:START_BYTES])
    if found is None:
        return ""
    return found[1].decode("utf-8", "replace")


def render_proof(facts: Facts) -> bytes:
    """Header lines: the request's number, where it was answered, the model asked for and the one that answered."""
    lines = b"x-keepwell-request: %d\r\n%b" % (facts.id, facts.page)
    if facts.replica:
        lines += b"x-keepwell-replica: %b\r\n" % header_text(facts.replica)
    if facts.asked:
        lines += b"x-keepwell-asked: %b\r\n" % header_text(facts.asked)
    if facts.answered:
        lines += b"x-keepwell-model: %b\r\n" % header_text(facts.answered)
    return lines


@lru_cache(maxsize=4096)
def header_text(text: str) -> bytes:
    """Text that may stand in a header: nothing that could end its line."""
    return re.sub(r"[^\x20-\x7e]", "?", text).encode("ascii")
