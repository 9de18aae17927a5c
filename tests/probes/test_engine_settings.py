"""engine.wished_settings from start files, and what the plug-in makes of them."""

from __future__ import annotations

import plistlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.core.observation import Missing, Observation
from keepwell.core.values import row_of
from keepwell.plugins.place import Place, Site
from keepwell.probes.engine_settings import PROBE, parse_start_file
from keepwell.transport.recorded.tape import Refusal, TapeFile
from tests.machines import Machine, about
from tests.probes.engines import REF, PlainEngine, WholeEngine, place_of, process

UNIT = """[Unit]
Description=Made
[Service]
ExecStart=/usr/bin/made serve
Environment="MADE_HOST=127.0.0.1:7000" MADE_DEBUG=0
EnvironmentFile=-/etc/default/made
"""
DROP_IN = """# by hand
[Service]
Environment=MADE_DEBUG=1
"""


def site_with(*files: str) -> Site:
    return Site(ref=REF, engine="made", url="http://127.0.0.1:7000", process=process(), files=files)


async def look(place: Place) -> dict[str, Observation]:
    return {one.name: one for one in await PROBE.observe(place)}


async def test_the_last_file_wins_and_every_value_has_its_line() -> None:
    machine = Machine()
    machine.files.put("/etc/systemd/system/made.service", UNIT)
    machine.files.put("/etc/systemd/system/made.service.d/override.conf", DROP_IN)
    machine.files.put("/etc/default/made", "# file\nMADE_KEEP='5 m'\nMADE_API_KEY=abcdefghijkl\n")
    made = WholeEngine()
    site = site_with("/etc/systemd/system/made.service", "/etc/systemd/system/made.service.d/override.conf")
    log = about("log.text", {"start_lines": ("first",), "lines": ("later",)}, subject=REF)
    version = about("engine.version", "1.2", subject=REF)
    seen = await look(place_of(machine, made, log, version, site=site))
    assert seen["engine.wished_settings"].value == {
        "MADE_HOST": {"value": "127.0.0.1:7000", "file": "/etc/systemd/system/made.service", "line": 5},
        "MADE_DEBUG": {"value": "1", "file": "/etc/systemd/system/made.service.d/override.conf", "line": 3},
        "MADE_KEEP": {"value": "5 m", "file": "/etc/default/made", "line": 2},
        "MADE_API_KEY": {"value": "***", "file": "/etc/default/made", "line": 3},
    }
    assert made.asked[1:3] == [("first", "later"), "1.2"]
    assert made.asked[3] == {
        "MADE_HOST": "127.0.0.1:7000",
        "MADE_DEBUG": "1",
        "MADE_KEEP": "5 m",
        "MADE_API_KEY": "abcdefghijkl",
    }
    settings = row_of(seen["engine.settings"].value)
    assert row_of(settings["MADE_DEBUG"])["suggested"] == "1"
    assert row_of(settings["MADE_API_KEY"])["value"] == "***"


async def test_no_file_is_absent_and_an_unreadable_one_is_failed() -> None:
    machine = Machine()
    none = (await look(place_of(machine, PlainEngine())))["engine.wished_settings"].value
    machine.files.put("/etc/default/made", TapeFile(refused=Refusal(kind="NotPermitted", what="no")))
    refused = await look(place_of(machine, PlainEngine(), site=site_with("/etc/default/made")))
    value = refused["engine.wished_settings"].value
    assert isinstance(none, Missing)
    assert none.kind == "absent"
    assert isinstance(value, Missing)
    assert value.kind == "failed"


async def test_an_engine_whose_settings_cannot_be_told_says_so() -> None:
    value = (await look(place_of(Machine(), PlainEngine())))["engine.settings"].value
    assert isinstance(value, Missing)


@pytest.mark.parametrize(
    ("path", "text", "wished"),
    [
        (
            "/x/start.sh",
            "#!/bin/sh\nexport A=1\nB='two words' env C=3 made serve D=4\n",
            {"A": "1", "B": "two words", "C": "3"},
        ),
        ("/x/made.env", 'A=1 # note\n; no\nexport B="2"\n', {"A": "1", "B": "2"}),
        (
            "/x/made.service",
            "[Service]\nEnvironment=A=1\nEnvironment=\nEnvironment=B=2\n[Install]\nEnvironment=C=3\n",
            {"B": "2"},
        ),
        ("/x/made.conf", "[Service]\nEnvironment=A=1 \\\n  B=2\n", {"A": "1", "B": "2"}),
    ],
)
def test_each_kind_of_file_is_read_as_its_reader_would(path: str, text: str, wished: dict[str, str]) -> None:
    found, _ = parse_start_file(path, text.encode())
    assert {one.name: one.value for one in found} == wished


def test_a_property_list_gives_its_variables() -> None:
    content = plistlib.dumps({"EnvironmentVariables": {"A": "1"}})
    found, _ = parse_start_file("/x/made.plist", content)
    assert [(one.name, one.value) for one in found] == [("A", "1")]


@given(st.sampled_from([".service", ".conf", ".plist", ".env", ""]), st.binary())
def test_any_bytes_read_without_an_error(ending: str, content: bytes) -> None:
    found, files = parse_start_file(f"/x/y{ending}", content)
    assert all(one.name for one in found)
    assert isinstance(files, tuple)
