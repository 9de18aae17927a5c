"""Nominates lines with Hyperscan (or Vectorscan, its build for other CPUs): all signatures in one pass."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keepwell.diagnose.cache import digest_of, load_cached, save_cached
from keepwell.diagnose.literals import FindMatcher
from keepwell.diagnose.nomination import Nomination
from keepwell.diagnose.pattern import make_nominator

#: Bytes that are looked through text by text before a database is compiled: for less it would not pay
#: (compiling 3,000 signatures takes 2 to 3 s, looking for them one by one about 1 s a megabyte).
PATIENT_BYTES = 1024 * 1024
#: The code that decides what is compiled; a database made by another is not used.
_MAKERS = tuple(Path(__file__).with_name(name) for name in ("pattern.py", "regex.py", "automaton.py"))


class HyperscanMatcher:
    """All signatures in one pass at memory speed; the compiled database is kept on disk.

    Compiling thousands of signatures takes seconds, loading them a millisecond. A signature that Hyperscan
    refuses (too large, say) is looked for by its texts instead. One that is `once` is reported once a block,
    however often it is there. A `patient` one compiles nothing before there is enough to read.
    """

    def __init__(self, patterns: Sequence[str], once: frozenset[str], *, patient: bool = False) -> None:
        import hyperscan

        self._patterns, self._once = patterns, once
        self._flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_MULTILINE
        self._hyperscan: Any = hyperscan
        build = f"{self._hyperscan.__version__} {platform.machine()}"
        marked = (f"{one}\0{one in once}".encode() for one in patterns)
        self._key = digest_of((build.encode(), *marked), code=_MAKERS)
        self._patience = patient * PATIENT_BYTES
        self._database = self._load(load_cached("signatures", self._key))
        self._others = FindMatcher(patterns, once, only=())
        if self._database is None and self._patience:
            self._others = FindMatcher(patterns, once)
        elif self._database is None:
            self._compile_all()

    def nominate(self, data: bytes) -> Sequence[Nomination]:
        """See `Matcher`."""
        if self._database is None and self._patience:
            self._patience = max(0, self._patience - len(data))
            if not self._patience:
                self._compile_all()
        found: list[Nomination] = list(self._others.nominate(data))

        def note(index: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((end, index))

        if self._database is not None:
            self._database.scan(data, match_event_handler=note)
        found.sort()
        return found

    def _load(self, stored: bytes) -> Any:
        """The stored database, or None when there is none that this build and CPU can use."""
        if not stored:
            return None
        try:
            database = self._hyperscan.loadb(stored, self._hyperscan.HS_MODE_BLOCK)
            database.scratch = self._hyperscan.Scratch(database)
        except self._hyperscan.HyperscanError:
            return None
        return database

    def _compile_all(self) -> None:
        self._database, refused = self._compile(range(len(self._patterns)))
        self._others = FindMatcher(self._patterns, self._once, only=refused)
        if self._database is not None and not refused:
            save_cached("signatures", self._key, self._hyperscan.dumpb(self._database))

    def _compile(self, indices: Sequence[int]) -> tuple[Any, list[int]]:
        """A database of these signatures (None for none), and those that Hyperscan refuses."""
        if not indices:
            return None, []
        database = self._make(indices)
        if database is not None:
            return database, []
        refused = [index for index in indices if self._make([index]) is None]
        kept = [index for index in indices if index not in refused]
        if not refused:
            return None, kept
        return self._compile(kept)[0], refused

    def _make(self, indices: Sequence[int]) -> Any:
        database = self._hyperscan.Database(mode=self._hyperscan.HS_MODE_BLOCK)
        made = [make_nominator(self._patterns[index]) for index in indices]
        flags = [self._flags] * len(made)
        for at, index in enumerate(indices):
            if made[at].exact and self._patterns[index] in self._once:
                flags[at] |= self._hyperscan.HS_FLAG_SINGLEMATCH
        expressions = [one.expression.encode("utf-8") for one in made]
        try:
            database.compile(expressions=expressions, ids=list(indices), flags=flags)
        except self._hyperscan.HyperscanError:
            return None
        return database
