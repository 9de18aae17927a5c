"""What other people's pages show: a widget's numbers, a badge, the status page; and that it gives nothing away."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.api.pictures import POLICY, SHAPES, STYLE, render_badge, render_status
from keepwell.api.summary import WORDS, Line, describe_homepage, find_line, find_status
from keepwell.app.overview.model import AlertRow, DeviceRow, EngineRow, NodeRow, Overview
from keepwell.config.hub_model import HubEntry
from keepwell.core.finding import Status
from keepwell.core.observation import absent
from keepwell.store.keys import Key, add_key, digest_secret
from tests.api.made import asking, bearer

NONE = absent("no such sensor")
DEVICE = DeviceRow(
    ref="device:gpu01/0",
    name="a card",
    utilisation_ratio=0.5,
    memory_used_bytes=6e9,
    memory_total_bytes=24e9,
    temperature_celsius=60.0,
    power_watts=120.0,
    clock_hertz=NONE,
)
ENGINE = EngineRow(
    ref="engine:gpu01/one",
    title="One",
    url="http://192.0.2.9:8000",
    version="9.8.7",
    status=Status.WARNING,
    state="slow",
    running=1.0,
    waiting=0.0,
    memory_bytes=1e9,
    models=(),
)
NODE = NodeRow(
    ref="node:gpu01",
    name="gpu01",
    status=Status.OK,
    state="",
    seen_at=5.0,
    system="Debian",
    processor_ratio=0.1,
    memory_used_bytes=1e9,
    memory_total_bytes=8e9,
    devices=(DEVICE, replace(DEVICE, ref="device:gpu01/1", utilisation_ratio=NONE, memory_used_bytes=NONE)),
    engines=(ENGINE,),
)
OTHER = replace(NODE, ref="node:gpu02", name="gpu02", status=Status.UNKNOWN, devices=(), engines=())
FLEET = Overview(at=100.4, here="gpu01", nodes=(NODE, OTHER), requests=(), work=(), alerts=())
ALERT = AlertRow(
    id="a1",
    status=Status.CRITICAL,
    title="gpu02 does not answer",
    subject="node:gpu02",
    since=1.0,
    acknowledged=False,
    cause="",
    command="",
)


def test_the_widget_is_flat_small_and_says_null_for_what_nobody_knows() -> None:
    told = describe_homepage(FLEET)
    assert all(value is None or isinstance(value, str | int | float) for value in told.values())
    assert len(msgspec.json.encode(told)) < 1024
    assert (told["status"], told["nodes"], told["nodes_well"]) == ("warning", 2, 0)
    assert (told["engines"], told["engines_well"], told["devices"]) == (1, 0, 2)
    assert (told["device_percent"], told["device_memory_percent"], told["device_watts"]) == (50.0, 25.0, 240.0)
    assert (told["tokens_per_second"], told["text"]) == (None, "slow")
    worse = describe_homepage(replace(FLEET, alerts=(replace(ALERT, title="x" * 5000),)))
    assert (worse["status"], worse["critical"], len(worse["text"])) == ("critical", 1, 120)
    empty = describe_homepage(replace(FLEET, nodes=()))
    assert (empty["status"], empty["device_percent"]) == ("unknown", None)


def test_things_are_found_by_the_names_that_the_owner_wrote() -> None:
    assert find_status(FLEET) is Status.WARNING
    assert find_line(FLEET, "gpu01") == Line(name="gpu01", status=Status.WARNING)
    assert find_line(FLEET, "gpu01/one = Chat") == Line(name="Chat", status=Status.WARNING)
    assert find_line(FLEET, "gpu02=") == Line(name="gpu02", status=Status.UNKNOWN)
    assert find_line(FLEET, "gpu03") is None


@given(st.text(max_size=60), st.sampled_from(list(Status)))
def test_a_badge_is_a_picture_whatever_it_is_called(name: str, status: Status) -> None:
    allowed = "".join(one for one in name if one == "\t" or one >= " ").replace("\ufffe", "").replace("\uffff", "")
    root = ElementTree.fromstring(render_badge(allowed, status))
    assert root.get("role") == "img"
    assert (root.get("aria-label") or "").endswith(WORDS[status])
    assert {one.tag.rpartition("}")[2] for one in root.iter()} <= {"svg", "title", "clipPath", "rect", "g", "text"}


class Tags(HTMLParser):
    """The tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)


@given(st.text(max_size=60), st.sampled_from(list(Status)))
def test_a_page_holds_no_more_than_it_should_whatever_things_are_called(name: str, status: Status) -> None:
    usual = Tags(render_status("a", status, [Line(name="b", status=status)])).found
    page = render_status(name, status, [Line(name=name, status=status)])
    assert Tags(page).found == usual
    assert "script" not in usual
    assert SHAPES[status] in page  # not by colour alone
    assert f"<style>{STYLE}</style>" in page


async def test_the_status_page_is_off_until_it_is_wished(tmp_path: Path) -> None:
    async with asking(tmp_path) as hub:
        told = await hub.get("/status")
        assert (told.status, told.json["next"]) == (404, "status_page = true in [hub] of keepwell.toml turns it on")
        assert (await hub.get("/badge.svg")).status == 200
        assert (await hub.get("/badge.svg", {"sec-fetch-site": "cross-site"})).status == 403


async def test_the_status_page_tells_no_more_than_it_may(tmp_path: Path) -> None:
    add_key(tmp_path, Key(name="ada", digest=digest_secret("kw-ada")))
    entry = HubEntry(status_page=True, status_title="The <lab>", status_names=("elsewhere=Chat",))
    async with asking(tmp_path, entry, host="0.0.0.0") as hub:
        told = await hub.get("/status")
        page = told.body.decode()
        assert (told.status, told.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert told.headers["content-security-policy"] == POLICY
        assert told.headers["x-content-type-options"] == "nosniff"
        assert "The &lt;lab&gt;" in page
        assert "Chat" in page
        for secret in (hub.hub.here, "elsewhere", "http:", "kw-", "keepwell"):
            assert secret not in page.replace('<html lang="en">', ""), secret
        assert (await hub.get("/badge.svg")).status == 200
        assert (await hub.get("/badge.svg", {"sec-fetch-site": "cross-site"})).status == 200
        assert (await hub.get(f"/badge.svg?node={hub.hub.here}")).status == 404
        assert (await hub.get(f"/badge.svg?node={hub.hub.here}", bearer("kw-ada"))).status == 200
        assert (await hub.get("/status", {"host": "evil.example"})).status == 421
        assert (await hub.get("/status", method="POST")).status == 405
        assert (await hub.get("/api/v1/homepage")).status == 401
        assert (await hub.get("/api/v1/homepage", bearer("kw-ada"))).json["schema"] == "keepwell.homepage/1"


@pytest.mark.parametrize("shown", [True, False])
def test_warnings_are_shown_where_they_may_be(shown: bool) -> None:
    from keepwell.api.small import as_shown

    entry = HubEntry(status_warnings=shown)
    assert as_shown(Status.WARNING, entry) is {True: Status.WARNING, False: Status.OK}[shown]
    assert as_shown(Status.CRITICAL, entry) is Status.CRITICAL
