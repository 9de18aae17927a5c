"""Two looks at a node, and what is different: was -> is, secrets masked, nothing told that was not looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.event import Event
from keepwell.core.observation import Missing, Observation, Seen, Value, failed
from keepwell.core.ref import Ref, engine, node
from keepwell.probes.host_files import mask_lines
from keepwell.store.sights import (
    CHANGES,
    Known,
    Sight,
    Sights,
    keep_sight,
    load_sights,
    parse_sights,
    render_sights,
    save_sights,
)
from keepwell.timeline.sight import compare, take_sight

HERE, ENGINE = node("box"), engine("box", "e")


def seen(*rows: tuple[Ref, str, Value | Missing]) -> Seen:
    return Seen(Observation(subject=ref, name=name, value=value, at=1.0, source="s") for ref, name, value in rows)


def file_row(digest: str, *lines: str, at: float = 0.0) -> Value:
    return ({"path": "/etc/e.env", "digest": digest, "modified_at": at, "lines": lines},)


def look(at: float, *rows: tuple[Ref, str, Value | Missing]) -> Sight:
    return take_sight(seen(*rows), HERE, at)


def test_a_file_that_changed_shows_both_sides_and_its_own_date() -> None:
    old = look(100.0, (HERE, "host.files", file_row("1", "A=1", "B=2")))
    new = look(200.0, (HERE, "host.files", file_row("2", "A=1", "B=3", at=150.0)))
    (event,) = compare(old, new)
    assert (event.kind, event.at, event.sure) == ("file", 150.0, "last")
    assert (event.was, event.now, event.about) == ("B=2", "B=3", "/etc/e.env")


def test_a_file_copied_with_its_old_date_changed_some_time_between() -> None:
    old = look(100.0, (HERE, "host.files", file_row("1", "A=1")))
    new = look(200.0, (HERE, "host.files", file_row("2", "A=1", at=50.0)))
    (event,) = compare(old, new)
    assert (event.at, event.sure, event.after) == (200.0, "between", 100.0)
    assert event.now == "comments, blanks or a masked value"


def test_what_was_not_looked_at_has_not_changed() -> None:
    old = look(100.0, (HERE, "host.files", file_row("1")), (ENGINE, "engine.models", ({"name": "m", "digest": "d"},)))
    new = look(200.0, (HERE, "host.files", failed("slow")), (ENGINE, "engine.models", failed("no answer")))
    assert compare(old, new) == ()


def test_engines_models_settings_and_containers() -> None:
    old = look(
        100.0,
        (ENGINE, "engine.version", "0.9.2"),
        (ENGINE, "engine.process", {"pid": 7, "started_at": 50.0}),
        (ENGINE, "engine.models", ({"name": "a", "digest": "sha256:111111111111ff"}, {"name": "b", "digest": "2"})),
        (ENGINE, "engine.settings", {"CONTEXT": {"value": "4096"}}),
        (HERE, "host.containers", ({"name": "web", "id": "1", "image": "img:1", "image_id": "sha256:aa"},)),
        (HERE, "host.system", {"release": "6.8.0-40"}),
    )
    new = look(
        200.0,
        (ENGINE, "engine.version", "0.9.3"),
        (ENGINE, "engine.process", {"pid": 9, "started_at": 160.0}),
        (ENGINE, "engine.models", ({"name": "a", "digest": "sha256:111111111111ff"}, {"name": "c", "digest": "3"})),
        (ENGINE, "engine.settings", {"CONTEXT": {"value": "8192"}, "child --port": {"value": "1"}}),
        (HERE, "host.containers", ({"name": "web", "id": "2", "image": "img:1", "image_id": "sha256:bb"},)),
        (HERE, "host.system", {"release": "6.8.0-49"}),
    )
    told = {one.what: (one.was, one.now, one.at, one.sure) for one in compare(old, new)}
    assert told == {
        "box/e was started again": ("pid 7", "pid 9", 160.0, "exact"),
        "box/e has another release": ("0.9.2", "0.9.3", 200.0, "between"),
        "model b was removed at box/e": ("2", "", 200.0, "between"),
        "model c is new at box/e": ("", "3", 200.0, "between"),
        "setting CONTEXT changed at box/e": ("4096", "8192", 160.0, "exact"),
        "container web was made anew": ("1", "2", 200.0, "between"),
        "container web runs another image": ("img:1 aa", "img:1 bb", 200.0, "between"),
        "the node's release changed": ("6.8.0-40", "6.8.0-49", 200.0, "between"),
    }


def test_the_same_node_twice_is_no_change() -> None:
    rows = ((HERE, "host.files", file_row("1", "A=1")), (ENGINE, "engine.version", "1"))
    assert compare(look(1.0, *rows), look(2.0, *rows)) == ()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("OLLAMA_HOST=0.0.0.0", "OLLAMA_HOST=0.0.0.0"),
        ("HF_TOKEN=abc", "HF_TOKEN=***"),
        ('Environment="API_KEY=abc" "A=1"', 'Environment="API_KEY=***'),
        ("  api_key: abc def", "api_key: ***"),
        ("- PASSWORD=abc", "- PASSWORD=***"),
        ('DB_PASSWORD="a b c" X=1', "DB_PASSWORD=***"),
        ("exec server --api-key abc --port 1", "exec server --api-key ***"),
        ("ExecStart=/usr/bin/server serve", "ExecStart=/usr/bin/server serve"),
        ("PROXY=http://ada:pw@proxy:3128", "PROXY=http://***@proxy:3128"),
    ],
)
def test_lines_of_a_file_are_masked(line: str, shown: str) -> None:
    assert mask_lines(f"# comment\n\n{line}\n") == (shown,)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["API_KEY", "db_password", "TOKEN"]))
def test_no_value_of_a_secret_name_is_kept(before: str, name: str) -> None:
    kept = "\n".join(mask_lines(f"{name}=verysecretword\n{before}"))
    assert "verysecretword" not in kept


def test_sights_come_back_as_they_were_kept(tmp_path: Path) -> None:
    sight = look(100.0, (HERE, "host.files", file_row("1", "A=1")))
    event = Event(at=5.0, kind="file", what="w", source="s", sure="between", after=2.0)
    kept = keep_sight(Sights(), sight, [event])
    save_sights(tmp_path, "box", kept)
    assert load_sights(tmp_path, "box") == kept
    assert load_sights(tmp_path, "other").last is None
    assert (tmp_path / "sights" / "box.json").stat().st_mode & 0o777 == 0o600


def test_no_node_s_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    kept = keep_sight(Sights(), Sight(at=1.0), ())
    for name in ("../../x", "/etc/x", "fe80::1", "a" * 400):
        save_sights(tmp_path / "state", name, kept)
        assert load_sights(tmp_path / "state", name) == kept
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert len(list((tmp_path / "state" / "sights").iterdir())) == 4


def test_what_was_not_looked_at_stays_known_and_changes_are_bounded() -> None:
    first = Sight(at=1.0, scopes={"files": {"/a": Known(value="1")}, "versions": {"e": Known(value="1")}})
    second = Sight(at=2.0, scopes={"versions": {"e": Known(value="2")}})
    events = [Event(at=2.0, kind="file", what=str(one), source="s") for one in range(CHANGES + 7)]
    sights = keep_sight(keep_sight(Sights(), first, ()), second, events)
    assert sights.last is not None
    assert set(sights.last.scopes) == {"files", "versions"}
    assert len(sights.changes) == CHANGES


@pytest.mark.parametrize("content", [b"", b"{}", b'{"schema": "x", "last": {"at": 1}, "changes": []}', b"[" * 9000])
def test_a_damaged_file_reads_as_empty_with_the_reason(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sights").mkdir()
    (tmp_path / "sights" / "box.json").write_bytes(content)
    found = load_sights(tmp_path, "box")
    assert found.last is None
    assert "damaged" in found.problem


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.builds(Known, value=st.text(max_size=5)), max_size=4), st.floats(0, 1e9))
def test_any_sight_survives_the_file(things: dict[str, Known], at: float) -> None:
    sights = Sights(last=Sight(at=at, scopes={"files": things}))
    assert parse_sights(render_sights(sights)) == sights
