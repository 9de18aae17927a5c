"""The frame of all pages: who gets in, what each page must have, what is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.web.page import Page
from keepwell.web.table import load_table
from tests.web.site import parse, serving

#: Pages whose path has no part to be filled in.
PLAIN = [one for one in load_table().pages if "{" not in one.path]


@pytest.mark.parametrize("page", PLAIN, ids=[one.path for one in PLAIN])
async def test_each_page_has_the_frame_and_loads_nothing_from_elsewhere(tmp_path: Path, page: Page) -> None:
    async with serving(tmp_path) as site, site.client() as client:
        answer = await client.get(page.path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
        assert "unsafe" not in answer.headers["content-security-policy"]
        html = parse(answer.text)
        assert [one.attributes["lang"] for one in html.all("html")] == ["en"]
        assert len(html.all("h1")) == len(html.all("main")) == len(html.all("header")) == 1
        assert html.all("a")[0].attributes == {"class": "skip", "href": "#main"}
        for one in html.all():
            assert not [name for name in one.attributes if name.startswith("on") or name == "style"], one
            for name in ("src", "href", "action"):
                assert one.attributes.get(name, "/").startswith(("/", "#")), one.attributes
        for one in html.all("script"):
            assert not one.text
        ids = [one.attributes["id"] for one in html.all() if "id" in one.attributes]
        assert len(ids) == len(set(ids))
        assert not site.lines.told[1:], site.lines.told
