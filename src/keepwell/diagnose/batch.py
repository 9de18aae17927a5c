"""Answers many pasted texts: JSON lines in, JSON lines out. `python -m keepwell.diagnose.batch`.

Kept apart from the faces so that it starts fast: no terminal, HTTP or protocol library is imported.
"""

from __future__ import annotations

import json
import sys
from typing import TextIO

from keepwell.diagnose.catalogue import Catalogue, load_catalogue
from keepwell.diagnose.pasted import diagnose_pasted

#: Exit codes: answered, and the input could not be read.
ANSWERED, UNREADABLE = 0, 3
#: Longest input line, in characters: far above a pasted log, so that a wrong file is refused, not swallowed.
LINE_CHARS = 64 * 1024 * 1024


def main(source: TextIO = sys.stdin, sink: TextIO = sys.stdout) -> int:
    """Read {"id", "evidence"} lines, answer {"id", "hypotheses"} lines, best first; 3 if a line is no such thing.

    "unknown" is never listed: it is what the confidences leave to 1.
    """
    return answer_all(source, sink, load_catalogue())


def answer_all(source: TextIO, sink: TextIO, catalogue: Catalogue) -> int:
    """As `main`, with a catalogue that is there already."""
    number = 0
    while line := source.readline(LINE_CHARS):
        number += 1
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            name, evidence = row["id"], row["evidence"]
        except (ValueError, TypeError, KeyError):
            print(f'line {number}: expected {{"id": ..., "evidence": "..."}}, got {line[:80]!r}', file=sys.stderr)
            return UNREADABLE
        print(json.dumps({"id": name, "hypotheses": _answer(str(evidence), catalogue)}), file=sink, flush=True)
    return ANSWERED


def _answer(evidence: str, catalogue: Catalogue) -> list[dict[str, object]]:
    found = diagnose_pasted("evidence", (evidence.encode("utf-8", "replace"),), catalogue)
    return [{"issue": one.issue, "confidence": round(one.confidence, 4)} for one in found.hypotheses]


if __name__ == "__main__":
    raise SystemExit(main())
