"""The page of pairs and features says what was recorded, and nothing that was recorded fails."""

from __future__ import annotations

import subprocess
import sys

from tests.matrix.features import FEATURES
from tests.matrix.outcome import load_results
from tests.support import REPOSITORY


def test_the_page_is_what_the_results_say() -> None:
    argv = [sys.executable, str(REPOSITORY / "scripts" / "dialect_matrix_page.py"), "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_pair_was_asked_and_nothing_fails() -> None:
    results = load_results()
    engines = {"ollama", "llamacpp", "fake-ollama", "fake-openai"}
    assert len(results) == 9
    for client, rows in results.items():
        assert set(rows) >= engines, client
        for engine, row in rows.items():
            failing = {name: one.said for name, one in row.items() if one.what == "fails"}
            assert not failing, (client, engine, failing)
            assert "vectors" in row or set(row) >= set(FEATURES) - {"image"}


def test_nothing_is_left_out_of_a_translation_in_silence() -> None:
    """Where an answer is not what was asked for, its head names what was left out, or the engine does it for nobody."""
    for rows in load_results().values():
        for row in rows.values():
            for one in row.values():
                assert one.what != "dropped" or one.dropped
                assert one.what != "refused" or len(one.said) > 20
