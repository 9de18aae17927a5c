"""What keepwell.toml says about models in memory is read, checked, and written back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.config import load_config
from keepwell.config.model import Config
from keepwell.config.render import render_entry
from keepwell.core.errors import ConfigurationError

TEXT = """
[gateway]
reload_options = "refuse"
unload_after = "20m"
residency = "90s"
on_mismatch = "error"
canary_every = "1h"

[[route]]
name = "big"
gpu = true
pinned = true
options = {num_ctx = 8192, use_mmap = false}
"""


def load(path: Path, text: str) -> Config:
    """The configuration in a file with this text."""
    path.write_text(text)
    return load_config(path, known_engines=("ollama",), known_services=(), local_name="here")


def test_it_is_read_and_written_back(tmp_path: Path) -> None:
    config = load(tmp_path / "a.toml", TEXT)
    gateway, (route,) = config.gateway, config.routes
    assert (gateway.reload_options, gateway.on_mismatch) == ("refuse", "error")
    assert (gateway.unload_seconds, gateway.residency_seconds, gateway.canary_seconds) == (1200, 90, 3600)
    assert (route.gpu, route.pinned, route.options) == (True, True, {"num_ctx": 8192, "use_mmap": False})
    again = load(tmp_path / "b.toml", "\n".join([*render_entry(gateway), *render_entry(route)]))
    assert (again.gateway, again.routes) == (config.gateway, config.routes)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("options = {num_ctx = [1]}", "num_ctx = 8192"),
        ("options = 4096", "a table like"),
        ('pinned = "yes"', "true or false"),
    ],
)
def test_a_wrong_value_is_told(tmp_path: Path, key: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "a.toml", f'[[route]]\nname = "big"\n{key}\n')
    assert said in str(caught.value)
