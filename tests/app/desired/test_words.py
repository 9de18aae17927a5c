"""What `keepwell plan` is asked about: a word that names nothing is a mistake, not good news."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.app.desired.planning import plan_all
from keepwell.app.operation import Caller
from keepwell.core.errors import ConfigurationError


async def test_a_word_that_names_nothing_is_told_with_the_nearest(tmp_path: Path) -> None:
    config = tmp_path / "keepwell.toml"
    config.write_text("")
    caller = Caller(config=config, state=tmp_path / "state")
    with pytest.raises(ConfigurationError, match="no node, cause, check, step or table") as raised:
        await plan_all(caller, "data-dir-not-writeable", [])
    assert "data-dir-not-writable" in raised.value.hint
