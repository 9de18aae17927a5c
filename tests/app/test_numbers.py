"""`keepwell numbers`: what a number meets."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from keepwell.app.numbers import list_numbers
from keepwell.cli.views.numbers import render
from keepwell.core.errors import ConfigurationError
from keepwell.plugins.numbers import load_numbers


@pytest.mark.parametrize(
    ("asked", "owner", "causes"),
    [
        ("60s", "nginx", "request-timeout-too-short"),
        ("1m0.4s", "Kong", "request-timeout-too-short"),
        ("64MB", "Docker", "shm-too-small"),
        ("64 MiB", "Docker", "shm-too-small"),
        ("11434", "Ollama", "bind-address-loopback-only"),
    ],
)
def test_a_number_names_its_owner(asked: str, owner: str, causes: str) -> None:
    found = {one.owner: one.causes for one in list_numbers(asked).numbers}
    assert found[owner] == (causes,)


def test_all_none_and_nonsense() -> None:
    assert list_numbers().numbers == load_numbers()
    assert list_numbers("61m").numbers == ()
    with pytest.raises(ConfigurationError):
        list_numbers("soon")


@pytest.mark.parametrize("asked", ["", "60s", "61m"])
def test_it_is_shown(asked: str) -> None:
    screen = io.StringIO()
    Console(file=screen, width=200).print(render(list_numbers(asked)))
    assert {"": "proxy_read_timeout", "60s": "Kong", "61m": "No known default"}[asked] in screen.getvalue()
