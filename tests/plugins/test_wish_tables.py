"""Which step keeps a table is found without loading the others."""

from __future__ import annotations

import subprocess
import sys

from keepwell.plugins.wish import find_keys, find_wish, load_wishes


def test_every_table_is_found_by_its_name() -> None:
    found = load_wishes()
    assert {table: find_wish(table) for table in found} == found
    assert find_wish("nothing") is None


def test_an_unknown_table_gives_all_names_to_choose_from() -> None:
    assert set(find_keys(["folder"])) == {"folder"}
    assert set(find_keys(["folder", "foldr"])) == set(load_wishes())


def test_one_table_loads_one_step() -> None:
    code = (
        "import sys; from keepwell.plugins.wish import find_keys; find_keys(['folder', 'environment']);"
        "print(*sorted(n for n in sys.modules if n.startswith('keepwell.steps.')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["keepwell.steps.environment_file", "keepwell.steps.folder"]
