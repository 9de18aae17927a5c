"""What is passed on names no machine, path or person and holds no secret; what is taken over is checked."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.learning.exchange import FILE_BYTES, LESSONS, parse_export, render_export, strip_particulars
from keepwell.store.lessons import Lesson, Miss
from keepwell.testing.clock import START
from tests.redact.planted import forms, plants

TEXT = (
    "ann@gpu01:/srv/models $ cat /home/ann/.config/x.toml\nuser=ann logged in from 192.168.7.20\n"
    "GET http://gpu01.lan:11434/api/tags failed on gpu01, key sk-abcdefghijklmnopqrstuvwxyz123456\n"
    r"open C:\Users\ann\models\x.gguf: denied, see node7.example.com and ann@example.com"
)
LESSON = Lesson(
    id="i20260101-0a0b0c",
    at=START,
    cause="flux-lost",
    strength="confirmed",
    hits=("0a" * 6,),
    misses=(Miss(cause="disk-full", confidence=0.25, keys=("0b" * 6,)),),
    fixed_by="ran /home/ann/fix.sh on gpu01",
    title="gpu01 hangs",
    text=TEXT,
    words=TEXT,
    checks=("store.readable",),
)


def test_no_machine_path_person_or_secret_is_passed_on() -> None:
    content = render_export([LESSON], ["gpu01"]).decode()
    for word in ("ann", "gpu01", "/srv", "/home", "Users", "192.168", "sk-abc", "node7", LESSON.id):
        assert not re.search(rf"(?<![a-z]){re.escape(word)}", content), word
    assert "http://<host>/api/tags failed on <host-1>" in content


def test_planted_secrets_are_never_passed_on() -> None:
    made = list(plants(200))
    lessons = [
        replace(LESSON, id=f"i{number}", text=one.text, words=one.text, title=one.text, fixed_by=one.text)
        for number, one in enumerate(made)
    ]
    content = render_export(lessons)
    for one in made:
        assert not any(form in content for form in forms(one.value)), one.format


def test_it_comes_back_marked_with_its_origin() -> None:
    (back,) = parse_export(render_export([LESSON], ["gpu01"]), "friends", START)
    assert back.origin == "friends"
    assert back.id.startswith("friends/x")
    assert (back.cause, back.strength, back.hits, back.misses) == (
        LESSON.cause,
        LESSON.strength,
        LESSON.hits,
        LESSON.misses,
    )
    assert back.at <= LESSON.at
    assert LESSON.id not in back.id


def test_what_was_taken_over_or_back_is_not_passed_on() -> None:
    others = replace(LESSON, origin="friends"), replace(LESSON, undone_at=START)
    assert json.loads(render_export(others))["lessons"] == []


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_categories=("Cs",)), max_size=200))
def test_export_and_import_round_trip(text: str) -> None:
    lesson = replace(LESSON, text=text, words=text, title=text, fixed_by=text)
    first = parse_export(render_export([lesson]), "friends", START)
    again = parse_export(render_export([replace(first[0], origin="own", id=LESSON.id)]), "friends", START)
    assert first == again


@settings(max_examples=60, deadline=None)
@given(words=st.lists(st.sampled_from([*TEXT.split(), "/", "@", ":", "user", "owner="]), max_size=12))
def test_what_was_stripped_is_not_changed_again(words: list[str]) -> None:
    once = strip_particulars(" ".join(words), ["gpu01"])
    assert strip_particulars(once, ["gpu01"]) == once


def changed(**more: Any) -> bytes:
    document = json.loads(render_export([LESSON]))
    document["lessons"][0] |= more
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "truncated"),
        (b"[]", "object"),
        (changed(cause="../../x"), "name of a cause"),
        (changed(cause="a" * 100), "name of a cause"),
        (changed(id="i20260101-0a0b0c"), "id of a lesson"),
        (changed(hits=["zz"]), "key of evidence"),
        (changed(hits=["0a" * 6] * 500), "too long"),
        (changed(checks=["rm -rf"]), "a check"),
        (changed(text="x" * 20_000), "text is too long"),
        (changed(strength="certain"), "Invalid enum"),
        (changed(misses=[{"cause": "disk-full", "confidence": 7, "keys": []}]), "0..1"),
        (changed(extra=1), "unknown field"),
        (b" " * (FILE_BYTES + 1), "larger"),
    ],
)
def test_what_is_no_export_is_refused_as_a_whole(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_export(content, "friends", START)


def test_too_many_and_double_lessons_are_refused() -> None:
    document = json.loads(render_export([LESSON]))
    document["lessons"] *= 2
    with pytest.raises(ValueError, match="same id"):
        parse_export(json.dumps(document).encode(), "friends", START)
    document["lessons"] *= LESSONS
    with pytest.raises(ValueError, match="at most"):
        parse_export(json.dumps(document).encode(), "friends", START)


@pytest.mark.parametrize("name", ["own", "", "A", "a/b", "x" * 60])
def test_an_import_has_a_name_of_its_own(name: str) -> None:
    with pytest.raises(ValueError, match="name of an import"):
        parse_export(render_export([LESSON]), name, START)


def test_a_lesson_from_the_future_is_one_of_now() -> None:
    (back,) = parse_export(changed(at=1e15), "friends", START)
    assert back.at == START
