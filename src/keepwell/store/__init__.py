"""What keepwell keeps on disk: runs in journals that survive kill -9, and the engines that it has seen before.

`find_state_folder` says where; `create_journal`, `open_journal`, `load_run` and `list_runs` are about runs;
`load_memory`, `remember` and `save_memory` about engines.
"""

from keepwell.store.folder import find_state_folder
from keepwell.store.journal import Journal, StoredRun, create_journal, list_runs, load_run, make_run_id, open_journal
from keepwell.store.memory import Memory, RememberedEngine, load_memory, remember, save_memory

__all__ = [
    "Journal",
    "Memory",
    "RememberedEngine",
    "StoredRun",
    "create_journal",
    "find_state_folder",
    "list_runs",
    "load_memory",
    "load_run",
    "make_run_id",
    "open_journal",
    "remember",
    "save_memory",
]
