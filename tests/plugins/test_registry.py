"""Names and loading of plug-ins."""

from __future__ import annotations

import pytest

from keepwell.core.errors import ConfigurationError
from keepwell.plugins import registry


def test_files_and_packages_are_plug_ins_and_data_is_not() -> None:
    found = registry.names("engines")
    assert {"ollama", "openai"} <= set(found), "a package and a file"
    assert not [name for name in found if name.startswith("_")]
    assert list(found) == sorted(found)


def test_a_name_that_is_none_comes_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="did you mean ollama"):
        registry.load("engines", "olama")
