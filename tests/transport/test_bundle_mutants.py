"""Mutated bundles open or fail with an error that has a name; never a crash, never a hang."""

from __future__ import annotations

import time
from pathlib import Path

from keepwell.core.errors import KeepwellError
from keepwell.transport.recorded.bundle import parse_bundle
from tests.transport.mutations import is_named, mutants, tape_names
from tests.transport.test_bundle import _bundle

#: As many as a test of a second bears; `tests/long/test_mutants.py` makes ten thousand and looks at nodes, too.
COUNT = 400


async def test_mutants_of_a_bundle() -> None:
    archive = _bundle()
    opened = 0
    refused: list[KeepwellError] = []
    for mutant in mutants(archive, COUNT, seed=11):
        began = time.monotonic()
        try:
            bundle = parse_bundle(mutant, Path("m.kwb"))
        except KeepwellError as error:
            refused.append(error)
            continue
        finally:
            assert time.monotonic() - began < 10
        opened += 1
        for path in tape_names(bundle):
            try:
                await bundle.transport.read(path)
            except KeepwellError:
                continue
    assert [str(one) for one in refused if not is_named(one)] == []
    assert opened + len(refused) == COUNT
    assert len(refused) > COUNT // 2
