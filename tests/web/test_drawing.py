"""What pages draw: the fleet, one request's time, the filter of requests, and where the pages are."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.operation import Caller
from keepwell.app.overview.drawing import draw_overview
from keepwell.app.web_address import find_pages
from keepwell.cli.views import web as web_view
from keepwell.core.errors import Unreachable
from keepwell.core.finding import Status
from keepwell.testing.request_rows import PLAIN, make_mixed
from keepwell.web.asked import SPANS, Asked, parse_asked, render_asked
from keepwell.web.fleet import LINKED, WIDTH, draw_fleet, fit, judge_route
from keepwell.web.waterfall import draw_waterfall, tokens_per_second
from tests.app.overview.made import make_fleet
from tests.web.site import serving


@pytest.mark.parametrize(("nodes", "gpus"), [(1, 0), (1, 8), (3, 4), (LINKED, 2), (30, 4), (7, 40)])
def test_everything_lies_in_the_picture_and_nothing_on_another(tmp_path: Path, nodes: int, gpus: int) -> None:
    found = draw_overview(make_fleet(tmp_path, 1e9, nodes, gpus), 1e9)
    routes = {f"model{number}": [f"node{number % nodes:02d}/chat", "elsewhere/x"] for number in range(40)}
    picture = draw_fleet(found.nodes, routes)
    assert len(picture.nodes) == len(found.nodes)
    for one in picture.nodes:
        assert 0 <= one.x <= one.x + one.width <= WIDTH + 0.01
        assert 0 <= one.y <= one.y + one.height <= picture.height + 0.01
        for device in one.devices:
            assert one.x <= device.x <= device.x + device.width <= one.x + one.width
            assert one.y <= device.y < one.y + one.height
        assert one.more == max(0, gpus * (one.row.name != found.here) - len(one.devices)) or one.row.name == found.here
    for one in picture.nodes:
        for other in picture.nodes:
            apart = one.x + one.width <= other.x or other.x + other.width <= one.x
            apart = apart or one.y + one.height <= other.y or other.y + other.height <= one.y
            assert one is other or apart
    assert bool(picture.routes) == (len(found.nodes) <= LINKED)
    if picture.routes:
        assert picture.unseen_routes == 40 - len(picture.routes)
        assert picture.links
    assert draw_fleet((), {}).height == 0


def test_a_route_is_as_well_as_its_replicas() -> None:
    well, slow, down = Status.OK, Status.WARNING, Status.CRITICAL
    assert judge_route([]) is down
    assert judge_route([down, down]) is down
    assert judge_route([well, down]) is slow
    assert judge_route([well, slow]) is slow
    assert judge_route([well, well]) is well


@given(st.text(max_size=60), st.floats(-50, 400))
def test_a_text_fits(text: str, width: float) -> None:
    assert len(fit(text, width)) <= max(0, width / 6.7) * 10 + 1


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_the_parts_of_a_request_are_its_whole(seed: int) -> None:
    for row in make_mixed(20, seed):
        bars = draw_waterfall(row)
        assert not bars or sum(one.seconds for one in bars) == pytest.approx(row.total_seconds)
        for one, after in pairwise(bars):
            assert one.begin_seconds + one.seconds == pytest.approx(after.begin_seconds)
        assert all(one.left >= 0 and one.left + one.width <= 100.01 for one in bars)


def test_tokens_a_second_are_those_after_the_first() -> None:
    row = replace(PLAIN, output_tokens=101, first_byte_seconds=1.0, total_seconds=3.0)
    assert tokens_per_second(row) == 50
    assert tokens_per_second(replace(row, output_tokens=1)) == -1
    assert tokens_per_second(replace(row, first_byte_seconds=-1.0)) == -1
    assert draw_waterfall(replace(row, replica="")) == ()


NAMES = st.text(alphabet=st.characters(codec="utf-8"), max_size=40).map(str.strip)


@given(NAMES, NAMES, st.booleans(), st.sampled_from(list(SPANS)))
def test_a_filter_stands_in_the_address(route: str, key: str, failed: bool, span: str) -> None:
    asked = Asked(route=route, key=key, failed=failed, span=span)
    assert parse_asked(render_asked(asked)) == asked


@given(st.text(max_size=100))
def test_any_address_is_a_filter(query: str) -> None:
    assert parse_asked(query).seconds > 0


async def test_the_command_tells_where_the_pages_are(tmp_path: Path) -> None:
    caller = Caller(state=tmp_path)
    with pytest.raises(Unreachable, match="no hub"):
        find_pages(caller)
    async with serving(tmp_path) as site:
        report = find_pages(caller)
        assert report.url == f"{site.url}/"
        address, _, code = report.sign_in.partition("#")
        assert address == f"{site.url}/sign-in"
        assert site.door.secret not in report.sign_in
        client = await site.signed_in(code)
        assert "the owner" in (await client.get("/")).text
        await client.aclose()
        assert any("pages at http" in line for line in site.lines.told)
    assert web_view.render(report) is not None
