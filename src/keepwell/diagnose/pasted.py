"""What a pasted text means: its signatures, and what the checks say about the machine that it shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from keepwell.core.hypothesis import Diagnosis
from keepwell.diagnose.catalogue import Catalogue
from keepwell.diagnose.diagnosis import Text, diagnose
from keepwell.recall.entry import Entry
from keepwell.survey.pasted import TEXT_CHARS, PastedLook, look_at_text


def diagnose_pasted(
    name: str,
    chunks: Iterable[bytes],
    catalogue: Catalogue,
    follow_ups: Sequence[str] = (),
    closed: Sequence[Entry] = (),
) -> Diagnosis:
    """Why it is wrong, told from a text alone.

    A text of up to `TEXT_CHARS` is also read as what people paste (tables, command lines, settings); of a longer one,
    a log, only signatures are looked for, as it streams. `closed` are closed incidents that it may be like.
    """
    head, rest = _take(iter(chunks), TEXT_CHARS)
    look = PastedLook()
    if rest is None:
        look = look_at_text(head.decode("utf-8", "replace"))
    text = Text(name=name, chunks=chain((head,), rest or ()))
    return diagnose(look.seen, look.findings, (text,), catalogue, follow_ups, closed=closed)


def _take(chunks: Iterator[bytes], limit: int) -> tuple[bytes, Iterator[bytes] | None]:
    """The first bytes, and the rest; None for the rest where the text ends within the limit."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size > limit:
            return b"".join(held), chunks
    return b"".join(held), None
