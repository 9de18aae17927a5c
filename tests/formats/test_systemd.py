"""What systemctl prints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.formats.systemd import find_unit, parse_environment, parse_exec, parse_list, parse_show

EXEC = (
    "{ path=/usr/bin/made ; argv[]=/usr/bin/made serve --port 1 ; ignore_errors=no ; start_time=[n/a] ; "
    "stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }"
)


def test_blocks_are_kept_apart() -> None:
    text = "Id=a.service\nLoadState=loaded\nEnvironment=A=1 B=2\n\nId=b.service\nLoadState=not-found\n"
    assert parse_show(text) == (
        {"Id": "a.service", "LoadState": "loaded", "Environment": "A=1 B=2"},
        {"Id": "b.service", "LoadState": "not-found"},
    )


def test_the_command_line_is_taken_out_of_its_braces() -> None:
    assert parse_exec(EXEC) == ("/usr/bin/made", "serve", "--port", "1")
    assert parse_exec("") == ()


@given(st.text())
def test_any_text_reads_without_an_error(text: str) -> None:
    assert isinstance(parse_show(text), tuple)
    assert all(name.endswith(".service") for name in parse_list(text))
    assert isinstance(parse_environment(text), dict)


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/system.slice/ollama.service", ("ollama.service", False)),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/llama.service", ("llama.service", True)),
        ("/user.slice/user-1000.slice/user@1000.service/init.scope", None),
        ("/user.slice/user-1000.slice/session-3.scope", None),
        ("/", None),
    ],
)
def test_the_unit_of_a_process_is_the_innermost_service(path: str, unit: tuple[str, bool] | None) -> None:
    assert find_unit({"": path}) == unit
    assert find_unit({"": "", "name=systemd": path}) == unit
