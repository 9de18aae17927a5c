"""An output that cannot grow line by line: rows are kept beside the journal, and the file is made of them at last."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from keepwell.app.batching.wish import BatchWish
from keepwell.batch.parquet import is_parquet, write_parquet
from keepwell.core.errors import RefusedError
from keepwell.store.batch_state import BatchState
from keepwell.store.batches import FILE_NAME, BatchJournal

#: Rows that were answered, beside the journal.
ROWS_NAME = "rows.jsonl"


def find_written(out: Path, folder: Path, *, anew: bool) -> Path:
    """The file that grows while a job runs whose output is `out`: this itself, or one in the job's folder.

    Raises RefusedError where a table is there that no job is known to have made.
    """
    if not is_parquet(out):
        return out
    if out.exists() and out.stat().st_size and not anew and not (folder / FILE_NAME).exists():
        told = "there is a file already, and no job is known that made it"
        raise RefusedError(told, where=str(out), hint="name another output, or --anew to overwrite it")
    return folder / ROWS_NAME


async def write_table(out: Path, journal: BatchJournal, *, changed: bool) -> None:
    """Make the table of all that is answered so far, unless it is there and nothing has `changed`.

    Raises as `write_parquet`; the same command does it again.
    """
    if is_parquet(out) and (changed or not out.exists()):
        await asyncio.to_thread(write_parquet, Path(journal.state.output), journal.state.output_bytes, out)


def find_output(state: BatchState) -> str:
    """The output as its owner named it."""
    try:
        named = msgspec.json.decode(state.command, type=BatchWish).out
    except msgspec.MsgspecError:
        return state.output
    if is_parquet(Path(named)):
        return named
    return state.output
