"""Names and texts from logs, models and processes are text on every page, whatever they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.overview.model import AlertRow, DeviceRow, EngineRow, ModelRow, NodeRow, Overview, RequestRow, WorkRow
from keepwell.config.hub_model import HubEntry
from keepwell.config.model import Config, EngineEntry, Secret
from keepwell.core.finding import Status
from keepwell.core.observation import absent
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.settings import Settings
from keepwell.gateway.work.attest import Standing
from keepwell.testing.request_rows import PLAIN
from keepwell.web.fleet import draw_fleet
from keepwell.web.holdings import list_holdings
from keepwell.web.pages.overview import sum_up
from keepwell.web.pieces import split_fragment
from keepwell.web.rendering import render
from keepwell.web.settled import list_settings
from keepwell.web.waterfall import draw_waterfall, tokens_per_second
from tests.web.site import Node, parse, serving

#: What somebody would try, and anything else.
HOSTILE = (
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "' autofocus onfocus=alert(1) x='",
            "</textarea></title></style><svg/onload=alert(1)>",
            "{{ 7*7 }}{% raw %}",
            "javascript:alert(1)",
            '</g></svg><g data-key="p-links">',
            "\x1b[31m\u202e\x00 \ud7ff",
            "&quot;&lt;b&gt;",
        ]
    )
    | st.text(max_size=30)
).filter(bool)


def overview(text: str) -> Overview:
    """A fleet in which every text is this one."""
    none = absent(text)
    device = DeviceRow(
        ref=f"device:{text}/0",
        name=text,
        utilisation_ratio=0.5,
        memory_used_bytes=1e9,
        memory_total_bytes=2e9,
        temperature_celsius=none,
        power_watts=none,
        clock_hertz=none,
    )
    model = ModelRow(name=text, size_bytes=1e9, gpu_ratio=none, unload_seconds=none)
    engine = EngineRow(
        ref=f"engine:{text}/{text}",
        title=text,
        url=text,
        version=text,
        status=Status.WARNING,
        state=text,
        running=1.0,
        waiting=none,
        memory_bytes=none,
        models=(model,),
    )
    node = NodeRow(
        ref=f"node:{text}",
        name=text,
        status=Status.CRITICAL,
        state=text,
        seen_at=1.0,
        system=text,
        processor_ratio=none,
        memory_used_bytes=none,
        memory_total_bytes=none,
        devices=(device,),
        engines=(engine,),
    )
    request = RequestRow(
        id=text,
        source="gateway",
        model=text,
        key=text,
        replica=text,
        stage=text,
        seconds=1.0,
        queue_seconds=none,
        ttft_seconds=none,
        output_tokens=none,
        tokens_per_second=none,
    )
    work = WorkRow(kind=text, name=text, state=text, done=1, total=2, left_seconds=none, note=text)
    alert = AlertRow(
        id=text,
        status=Status.CRITICAL,
        title=text,
        subject=text,
        since=1.0,
        acknowledged=False,
        cause=text,
        command=text,
    )
    return Overview(at=1.0, here=text, nodes=(node,), requests=(request,), work=(work,), alerts=(alert,), notes=(text,))


def render_overview(text: str) -> str:
    found = overview(text)
    data: dict[str, Any] = {
        "overview": found,
        "picture": draw_fleet(found.nodes, {text: [f"{text}/{text}"]}),
        "totals": sum_up(found),
        "serving": False,
        "requests": found.requests,
        "work": found.work,
        "notes": found.notes,
    }
    return render("parts/overview.html", data)


def render_models(text: str) -> str:
    route = Route(name=text, replicas={f"{text}/{text}": text, "x/y": text}, out={text: text})
    standings = {"x/y": {text: Standing(proof="verified", digest=text, device=text)}}
    holdings = list_holdings(overview(text).nodes, Settings(routes=(route,), standings=standings))
    return render("parts/models.html", {"holdings": holdings, "count": len(holdings), "serving": True})


def render_requests(text: str) -> str:
    row = replace(PLAIN, key=text, asked=text, answered=text, replica=text, outcome=text, proof="mismatch", device=text)
    told = [{"row": row, "bars": draw_waterfall(row), "speed": tokens_per_second(row)}]
    return render("parts/requests.html", {"rows": told, "asked": None, "serving": True, "most": 1})


def shape(html: Node) -> list[tuple[str, tuple[str, ...]]]:
    """All elements with the names of their attributes: what a text must not add to."""
    return [(one.tag, tuple(sorted(one.attributes))) for one in html.all()]


@settings(max_examples=60, deadline=None)
@given(HOSTILE)
def test_a_text_stays_a_text(text: str) -> None:
    for make in (render_overview, render_models, render_requests):
        told, harmless = parse(make(text)), parse(make("x" * min(30, max(3, len(text)))))
        tags = {tag for tag, _ in shape(told)}
        assert tags <= {tag for tag, _ in shape(harmless)} | {"tspan"}, (make, text)
        for one in told.all():
            assert not [name for name in one.attributes if name.startswith("on") or name == "style"]
            assert one.attributes.get("href", "/").startswith(("/", "#"))


@settings(max_examples=40, deadline=None)
@given(HOSTILE)
def test_pieces_of_hostile_names_are_whole_elements(text: str) -> None:
    for make in (render_overview, render_models, render_requests):
        fragment = split_fragment(make(text))
        for piece in fragment.pieces.values():
            assert len(parse(piece).children) == 1


async def test_a_page_of_the_address_is_a_text_too(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, site.client() as client:
        for query in ('route="><script>alert(1)</script>', "key=<b>", "since=<x>", "then=//evil.example", "model=<i>"):
            for path in ("/requests", "/playground", "/sign-in", "/"):
                html = parse((await client.get(f"{path}?{query}")).text)
                assert [one for one in html.all("script") if one.text] == []
                assert html.all("b") == [] or path == "/"
        answer = await client.get("/requests/%3Cscript%3E")
        assert "<script>" not in answer.text.replace('<script type="module"', "")


async def test_settings_with_hostile_names_and_secrets(tmp_path: Path) -> None:
    path = tmp_path / "keepwell.toml"
    path.write_text(
        '[hub]\nhosts = ["<script>alert(1)</script>"]\n'
        '[[engine]]\nkind = "openai"\nurl = "http://me:hunter2@127.0.0.1:1"\napi_key = {env = "MY_KEY"}\n'
    )
    engine = EngineEntry(kind="openai", url="http://me:hunter2@127.0.0.1:1", api_key=Secret(env="MY_KEY"))
    config = Config(hub=HubEntry(hosts=("<script>alert(1)</script>",)), engines=(engine,), path=path)
    told = str(list_settings(config, path.read_text()))
    assert "hunter2" not in told
    assert "from the environment: MY_KEY" in told
    async with serving(tmp_path, config) as site, site.client() as client:
        answer = await client.get("/settings")
        assert "<script>alert" not in answer.text
        assert "hunter2" not in answer.text
        assert "line 2" in answer.text
