"""Live parts: only what changed is sent, once made for all, packed, to whoever is slow the whole."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from pathlib import Path
from typing import Any

import httpx2
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.hub.visitor import Visitor
from keepwell.core.ref import device
from keepwell.core.series import Batch, SeriesKey
from keepwell.web.live import GZIP_HEAD, WAITING, Telling, Watcher, find_part, pack
from keepwell.web.pieces import find_changes, split_fragment
from tests.app.overview.made import make_fleet
from tests.web.site import parse, serving_hub

KEYS = st.text(alphabet="abc:/.-", min_size=1, max_size=6)
TEXTS = st.text(alphabet=st.characters(blacklist_characters="<>\0", codec="utf-8"), max_size=12)


def render(rows: dict[str, str]) -> str:
    cells = "".join(f'<td class="x" data-key="{key}">{text}</td>' for key, text in rows.items())
    return f"<table><tr><th>a</th>{cells}</tr></table>"


@settings(max_examples=60)
@given(st.dictionaries(KEYS, st.tuples(TEXTS, TEXTS), min_size=1, max_size=6))
def test_pieces_put_into_the_old_make_the_new(rows: dict[str, tuple[str, str]]) -> None:
    old = split_fragment(render({key: before for key, (before, _) in rows.items()}))
    new = split_fragment(render({key: after for key, (_, after) in rows.items()}))
    changes = find_changes(old, new)
    assert changes is not None
    made = old.whole
    for key, piece in changes.items():
        made = made.replace(old.pieces[key], piece, 1)
    assert made == new.whole
    assert len(changes) == sum(before != after for before, after in rows.values())


def test_a_row_more_or_a_key_twice_is_told_whole() -> None:
    one, two = split_fragment(render({"a": "1"})), split_fragment(render({"a": "1", "b": "2"}))
    assert find_changes(one, two) is None
    assert find_changes(two, two) == {}
    twice = split_fragment('<p data-key="a">1</p><p data-key="a">2</p>')
    assert find_changes(one, twice) is None
    assert find_changes(twice, split_fragment(twice.whole + " ")) is None


@settings(max_examples=30)
@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=6))
def test_packed_pieces_make_one_stream_in_any_order(pieces: list[bytes]) -> None:
    reader = zlib.decompressobj(31)
    assert reader.decompress(GZIP_HEAD + b"".join(pack(one).packed for one in pieces)) == b"".join(pieces)


def test_who_is_slow_gets_the_whole_instead_of_pieces() -> None:
    watcher = Watcher()
    piece, whole = Telling(b"piece", b""), Telling(b"whole", b"")
    for _ in range(WAITING + 5):
        watcher.take("a", piece, whole=False)
    assert (watcher.waiting, watcher.behind) == ([], {"a"})
    watcher.take("a", whole, whole=True)
    watcher.take("a", piece, whole=False)
    assert watcher.waiting == [whole, piece]


def test_parts_are_known_by_name() -> None:
    assert find_part("overview") is not None
    assert find_part("requests:since=1h") is not None
    assert find_part("nothing") is None
    assert find_part("requests:" + "x" * 500) is None


async def hear(client: httpx2.AsyncClient, path: str, most: int) -> list[dict[str, Any]]:
    """The first events of a stream."""
    found: list[dict[str, Any]] = []
    async with client.stream("GET", path) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
            if len(found) >= most:
                break
    return found


async def test_a_stream_begins_whole_and_goes_on_with_what_changed(tmp_path: Path) -> None:
    hub = make_fleet(tmp_path, time.time(), 2, 2)
    key = SeriesKey("device.utilisation_ratio", str(device("node01", 1)))
    async with serving_hub(hub) as site:
        async with site.client() as one, site.client(**{"accept-encoding": "identity"}) as two:
            page = parse((await one.get("/")).text)
            section = page.all("section", **{"data-live": "overview"})
            assert len(section) == 1
            hearing = [asyncio.create_task(hear(client, "/live?part=overview", 2)) for client in (one, two)]
            for number in range(100):
                hub.table.put(Batch(node="node01", at=time.time(), readings=((key, number / 100),)))
                done, _ = await asyncio.wait(hearing, timeout=0.3)
                if len(done) == 2:
                    break
            for told in [task.result() for task in hearing]:
                assert told[0]["part"] == "overview"
                parse(told[0]["whole"])
                assert any(name.endswith("device:node01/1") for name in told[1]["pieces"])
                for piece in told[1]["pieces"].values():
                    parse(piece)
        async with site.client() as client:
            for path in ("/live", "/live?part=nothing", "/live?part=overview" + "&part=models" * 8):
                assert (await client.get(path)).status_code == 404


async def test_a_part_that_cannot_be_had_says_why_and_other_pages_go_on(tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "settings.json").write_text("{ this is none")
    async with serving_hub(make_fleet(tmp_path, time.time())) as site, site.client() as client:
        answer = await client.get("/")
        assert answer.status_code == 200
        assert "these are no settings of a gateway" in answer.text
        assert (await client.get("/settings")).status_code == 200


async def test_work_is_shown_as_it_goes_and_leads_on(tmp_path: Path) -> None:
    from keepwell.app.table import operations

    async with serving_hub(make_fleet(tmp_path, time.time())) as site, site.client() as client:
        assert (await client.get("/work/nothing")).status_code == 404
        work = site.house.work
        issues = next(one for one in operations("cli") if one.name == "issues")
        piece = work.begin(issues, {}, Visitor(), face="web")
        await piece.over.wait()
        page = parse((await client.get(f"/work/{piece.id}?then=/causes")).text)
        assert page.all("div", **{"data-then": "/causes"})
        assert page.all("div", **{"data-done": ""})
        assert (await client.post(f"/work/{piece.id}/stop", data={"a": "b"})).status_code == 303
