"""The frame of all pages: what each must have, what is sent, and what is said where something fails."""

from __future__ import annotations

import gzip
from pathlib import Path

from keepwell.web.assets import load_assets
from keepwell.web.table import load_table
from tests.web.site import parse, serving

#: Pages whose path has no part to be filled in, and which look at nothing outside of the hub.
PLAIN = [one.path for one in load_table().pages if "{" not in one.path]


async def test_each_page_has_the_frame_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, site.client() as client:
        for path in [*PLAIN, "/sign-in"]:
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            check_frame(path, answer.text)
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'self'")
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
        assert not [one for one in site.lines.told if one.startswith("web:")]


def check_frame(path: str, text: str) -> None:
    """One heading, one of each landmark, a link past the navigation, and nothing that the policy forbids."""
    html = parse(text)
    assert [one.attributes["lang"] for one in html.all("html")] == ["en"]
    assert len(html.all("h1")) == len(html.all("main")) == len(html.all("header")) == 1, path
    assert html.all("a")[0].attributes == {"class": "skip", "href": "#main"}
    for one in html.all():
        assert not [name for name in one.attributes if name.startswith("on") or name == "style"], (path, one)
        for name in ("src", "href", "action"):
            assert one.attributes.get(name, "/").startswith(("/", "#")), (path, one.attributes)
    for one in html.all("script") + html.all("style"):
        assert not one.text
    for one in html.all("table"):
        assert all(head.attributes.get("scope") for head in one.all("th")), path
    named = {one.attributes.get("for") for one in html.all("label")}
    for one in html.all("input") + html.all("select") + html.all("textarea"):
        hidden = one.attributes.get("type") in ("hidden", "submit")
        assert hidden or one.attributes.get("id") in named or "aria-label" in one.attributes, (path, one.attributes)
    ids = [one.attributes["id"] for one in html.all() if "id" in one.attributes]
    assert len(ids) == len(set(ids)), path


async def test_assets_are_kept_for_good_and_packed(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, site.client() as client:
        page = await client.get("/")
        for name, one in load_assets().items():
            answer = await client.get(one.url)
            assert (answer.status_code, answer.content) == (200, one.content), name
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["content-encoding"] == "gzip"
            assert one.url in page.text
        plain = await client.get(one.url, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        for path in ("/assets/keepwell.css", "/assets/../pages/overview.py", "/assets/%2e%2e/face.py", "/assets/"):
            assert (await client.get(path)).status_code == 404
        sizes = sum(len(gzip.compress(one.content)) for one in load_assets().values())
        assert sizes < 12_000


async def test_colours_are_kept_in_the_browser(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, site.client() as client:
        assert "data-theme" not in parse((await client.get("/")).text).all("html")[0].attributes
        await client.post("/theme", data={"theme": "dark", "then": "/models"})
        assert parse((await client.get("/")).text).all("html")[0].attributes["data-theme"] == "dark"
        await client.post("/theme", data={"theme": '"><script>'})
        assert parse((await client.get("/")).text).all("html")[0].attributes["data-theme"] == "dark"


async def test_what_fails_says_what_where_and_next(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, site.client() as client:
        answer = await client.get("/requests/12345")
        assert answer.status_code == 404
        assert "no request 12345 is known" in parse(answer.text).all(role="alert")[0].text
        assert (await client.get("/requests/x")).status_code == 400
        wrong = await client.post("/playground", content=b"{}", headers={"content-type": "application/json"})
        assert (wrong.status_code, "this is no form" in wrong.text) == (400, True)
        form = {"content-type": "application/x-www-form-urlencoded"}
        assert (await client.post("/playground", content=b"a=" + b"b" * 2**20, headers=form)).status_code == 413
        many = "&".join(f"a{number}=b" for number in range(500)).encode()
        assert (await client.post("/playground", content=many, headers=form)).status_code == 400
        nobody = await client.post("/playground", data={"model": "m", "question": "well?"})
        assert (nobody.status_code, "keepwell up" in nobody.text) == (503, True)
