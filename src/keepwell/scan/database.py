"""Hyperscan databases, kept on disk: making one takes some tenths of a second, loading one milliseconds."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

from keepwell.store.cache import digest_of, load_cached, save_cached

# Kinds of cached files by `single`: of each kind a few are kept.
_KINDS = {False: "leads", True: "lines"}


def load_database(expressions: Sequence[bytes], *, single: bool = False) -> Any:
    """The compiled database of these expressions in either case, numbered in order; None if one is beyond Hyperscan.

    `single`: it says once a scan, not once a place, that an expression is there. There must be an expression.
    """
    import hyperscan

    library: Any = hyperscan
    flags = library.HS_FLAG_CASELESS
    if single:
        flags |= library.HS_FLAG_SINGLEMATCH
    key = digest_of((library.__version__.encode(), platform.machine().encode(), str(flags).encode(), *expressions))
    kind = _KINDS[single]
    cached = load_cached(kind, key)
    if cached:
        try:
            database = library.loadb(cached, library.HS_MODE_BLOCK)
            database.scratch = library.Scratch(database)
        except library.HyperscanError:
            pass  # made by another build, or on another kind of CPU
        else:
            return database
    database = library.Database(mode=library.HS_MODE_BLOCK)
    try:
        database.compile(expressions=list(expressions), ids=list(range(len(expressions))), flags=flags)
    except library.HyperscanError:
        return None
    save_cached(kind, key, library.dumpb(database))
    return database
