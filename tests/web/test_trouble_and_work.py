"""Pages of what is wrong, what is planned and what is known: on real state, with texts that are not ours."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from keepwell.app.hub.duty import Hub
from keepwell.core.finding import Status
from keepwell.store.alert_state import AlertFile, AlertState, Explanation, save_alerts
from keepwell.store.alert_state import Incident as Trouble
from keepwell.store.incidents import Incident, Note, Suspect, Symptom, add_incident
from keepwell.store.keys import Key, add_key, digest_secret
from keepwell.web.page import Form
from keepwell.web.table import load_table
from tests.support import eventually_async
from tests.web.site import Site, parse, serving

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e"
CHANGES = [one for one in load_table().forms if one.right == "change"]


@contextlib.asynccontextmanager
async def signed_in(state: Path) -> AsyncIterator[tuple[Site, httpx2.AsyncClient]]:
    """A hub, and its owner's browser."""
    async with serving(state) as site, contextlib.aclosing(await site.signed_in(site.door.secret)) as client:
        yield site, client


async def finish(site: Site, client: httpx2.AsyncClient, answer: httpx2.Response) -> str:
    """Wait until work is over that a form began; where it leads."""
    assert answer.status_code == 303, answer.text
    work, _, then = answer.headers["location"].partition("?then=")

    async def over() -> bool:
        page = await client.get(work)
        return "data-done" in page.text or "trouble" in page.text

    await eventually_async(over, 60)
    page = await client.get(work)
    assert "data-done" in page.text, page.text
    return then


@pytest.mark.parametrize("one", CHANGES, ids=[one.path for one in CHANGES])
async def test_no_form_changes_anything_without_the_right(tmp_path: Path, one: Form) -> None:
    add_key(tmp_path, Key(name="ada", digest=digest_secret("kw-a")))
    path = one.path.replace("{id}", "x").replace("{name}", "x")
    async with serving(tmp_path) as site:
        for client in (site.client(), site.client("kw-a"), await site.signed_in("kw-a")):
            answer = await client.post(path, content=b"")
            await client.aclose()
            assert answer.status_code == 403, answer.text
        assert not site.lines.told[1:]


async def test_a_pasted_text_is_explained(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, site.client() as client:
        text = f"{HOSTILE}\nError: listen tcp 127.0.0.1:11434: bind: address already in use\n"
        then = await finish(site, client, await client.post("/diagnosis", data={"text": text}))
        page = await client.get(then)
        html = parse(page.text)
        assert "The wished port is taken" in page.text
        assert "None of these" in page.text
        assert not [one for one in html.all("script") if not one.attributes.get("src")]
        assert not html.all("img", src="x")
        listed = await client.get("/diagnosis")
        assert then in listed.text
        gone = await client.get("/diagnosis/nothing")
        assert gone.status_code == 404


async def test_levels_that_let_engines_work_need_the_right(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, site.client() as client:
        for given in ({"level": "3"}, {"level": "2", "node": "root@elsewhere"}, {"level": "9"}, {"level": "x"}):
            answer = await client.post("/diagnosis", data=dict(**given))
            assert answer.status_code in (400, 403), answer.text
            assert "trouble" in answer.text


async def test_a_plan_is_read_approved_watched_and_taken_back(tmp_path: Path) -> None:
    config, wished = tmp_path / "keepwell.toml", tmp_path / "models"
    config.write_text(f'[[desired]]\n[[desired.folder]]\npath = "{wished}"\nmode = "0750"\n')

    def change(hub: Hub) -> Hub:
        return replace(hub, config_path=config)

    async with serving(tmp_path / "state", change=change) as site:
        async with contextlib.aclosing(await site.signed_in(site.door.secret)) as client:
            await finish(site, client, await client.post("/plans", data={"what": "folder"}))
            (run,) = [
                one.attributes["href"]
                for one in parse((await client.get("/plans")).text).all("a")
                if one.attributes["href"].startswith("/plans/")
            ]
            page = await client.get(run)
            assert str(wished) in page.text
            assert "Approve and carry out" in page.text
            assert not wished.exists()
            async with site.client() as reader:
                assert (await reader.post(f"{run}/apply")).status_code == 403
                assert "disabled" in (await reader.get(run)).text
            assert not wished.exists()
            assert await finish(site, client, await client.post(f"{run}/apply", data={"yes": "1"})) == run
            assert wished.stat().st_mode & 0o777 == 0o750
            assert "Take it back" in (await client.get(run)).text
            await finish(site, client, await client.post(f"{run}/undo", data={"yes": "1"}))
            assert not wished.exists()
            assert "taken back" in (await client.get(run)).text
        assert not site.lines.told[1:]


async def test_incidents_are_shown_with_texts_that_are_not_ours(tmp_path: Path) -> None:
    one = Incident(
        id="i20260101-1a2b3c",
        what=HOSTILE,
        opened_at=1.0,
        source="look",
        node=HOSTILE,
        symptoms=(Symptom(check="engine.running", subject="engine:a/b", message=HOSTILE),),
        suspects=(Suspect(issue="disk-full", confidence=0.5),),
        notes=(Note(at=2.0, text=HOSTILE),),
    )
    add_incident(tmp_path, one, HOSTILE.encode())
    async with signed_in(tmp_path) as (site, client):
        for path in ("/incidents", f"/incidents/{one.id}"):
            page = await client.get(path)
            assert page.status_code == 200, page.text
            html = parse(page.text)
            assert not html.all("img", src="x")
            assert "\x1b" not in page.text
            assert "\u202e" not in page.text
        then = await finish(site, client, await client.post(f"{then_of(one)}/note", data={"text": "seen <b>"}))
        assert "seen &lt;b&gt;" in (await client.get(then)).text
        assert (await client.get("/incidents/none")).status_code in (400, 404, 409)


def then_of(one: Incident) -> str:
    return f"/incidents/{one.id}"


async def test_an_alert_is_shown_with_its_cause_and_acknowledged(tmp_path: Path) -> None:
    trouble = Trouble(
        id="a1",
        root="x",
        check="engine.running",
        subject="engine:gpu01/x",
        message=HOSTILE,
        began_at=time.time() - 60,
        due_at=time.time(),
        worst=Status.CRITICAL,
        most=Status.CRITICAL,
        explanation=Explanation(issue="disk-full", title=HOSTILE, confidence=0.9, fix=HOSTILE, commands=("df -h",)),
    )
    save_alerts(tmp_path, AlertFile(state=AlertState(incidents={"a1": trouble})))
    async with signed_in(tmp_path) as (site, client):
        page = await client.get("/alerts")
        assert "df -h" in page.text
        assert not parse(page.text).all("img", src="x")
        await finish(site, client, await client.post("/alerts/a1/ack", data={"note": "on it"}))
        wanted = {"subject": "node:gpu01", "why": HOSTILE, "for": "2h"}
        await finish(site, client, await client.post("/alerts/maintenance", data=wanted))
        assert "node:gpu01" in (await client.get("/alerts")).text


async def test_causes_are_found_by_word_and_family(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, site.client() as client:
        found = await client.get("/causes", params={"word": "disk", "family": "storage"})
        assert "/causes/disk-full" in found.text
        assert "/causes/port-unavailable" not in found.text
        assert "No known cause is like that" in (await client.get("/causes", params={"word": HOSTILE})).text
        whole = await client.get("/causes/disk-full")
        assert "What settles it" in whole.text
        missing = await client.get("/causes/nothing-like-it")
        assert missing.status_code == 400
        assert "no known cause" in missing.text


@pytest.mark.parametrize("path", ["/benchmarks/shown?one=../../etc/passwd", "/jobs/..%2f..%2fx/log", "/plans/%2e%2e"])
async def test_names_that_are_paths_lead_nowhere(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as site, site.client() as client:
        answer = await client.get(path)
        assert answer.status_code in (400, 403, 404, 409), answer.text
        assert "root:" not in answer.text


async def test_a_question_is_answered_by_the_ranking_where_no_model_is_up(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, site.client() as client:
        then = await finish(
            site, client, await client.post("/ask", data={"question": f"why? {HOSTILE}", "model": "no"})
        )
        page = await client.get(then)
        assert page.status_code == 200, page.text
        assert not parse(page.text).all("img", src="x")
        assert then in (await client.get("/ask")).text
        assert (await client.get("/ask/none")).status_code == 404
