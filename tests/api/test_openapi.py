"""The description of the API is valid, whole, and kept to: requests made from it are answered as it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from starlette.datastructures import Headers, QueryParams

from keepwell import __version__
from keepwell.api.calls import path_of
from keepwell.api.openapi import render_openapi
from keepwell.api.reading import WAIT_SECONDS, read_query, read_wait
from keepwell.app.arguments import LARGEST, take_arguments
from keepwell.app.rights import FACE, check_visit
from keepwell.app.table import operations
from keepwell.core.errors import ConfigurationError, NotPermitted
from tests.api.made import asking

TABLE = operations(FACE)
WHOLE = render_openapi(TABLE, __version__)
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["", "../../etc/passwd", "all", "ops@192.0.2.1", "x.kwb", "-", "nan", "1e9"]
)
VALUES = TEXTS | st.integers() | st.booleans() | st.none() | st.floats() | st.lists(TEXTS, max_size=3)


def test_it_is_valid_and_has_every_operation() -> None:
    validate(WHOLE)
    ids = [call["operationId"] for path in WHOLE["paths"].values() for call in path.values()]
    assert len(ids) == len(set(ids))
    for one in TABLE:
        told = WHOLE["paths"][path_of(one)]["post"]
        assert told["summary"] == one.summary
        form = told["requestBody"]["content"]["application/json"]["schema"]
        assert set(form["properties"]) == {row.name.rstrip("_") for row in one.parameters(FACE)}


async def test_the_hub_gives_it_away_without_loading_what_it_needs(tmp_path: Path) -> None:
    async with asking(tmp_path) as hub:
        first, again = await hub.get("/api/v1/openapi.json"), await hub.get("/api/v1/openapi.json")
        assert first.json == msgspec.json.decode(msgspec.json.encode(WHOLE))
        assert again.body == first.body
        assert (await hub.get("/api/v1/openapi.json", {"sec-fetch-site": "cross-site"})).status == 403


@given(st.sampled_from(TABLE), st.data())
@settings(max_examples=150)
def test_what_the_description_allows_is_taken_and_what_it_forbids_is_not(one: Any, data: st.DataObject) -> None:
    """The form of the body and what reads it agree, but that a text may stand for a number."""
    form = WHOLE["paths"][path_of(one)]["post"]["requestBody"]["content"]["application/json"]["schema"]
    names = [*form["properties"], "nothing-of-this-name"]
    told = data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=4))
    fits = jsonschema.Draft202012Validator(form).is_valid(told)
    try:
        take_arguments(one, FACE, told)
    except ConfigurationError:
        assert not fits or any(value is None or _is_vast(value) for value in told.values())
    else:
        assert fits or set(told) <= set(form["properties"])


def _is_vast(value: Any) -> bool:
    """A number that no description forbids and nobody means, or a whole one that was written as a fraction."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) > LARGEST)


@given(st.sampled_from(TABLE), st.data())
@settings(max_examples=150)
def test_who_only_reads_reaches_no_file_no_stranger_and_no_change(one: Any, data: st.DataObject) -> None:
    rows = one.parameters("")
    names = [row.name for row in rows] or ["x"]
    needed = {row.name: "gpu01" for row in rows if row.required}
    try:
        told = take_arguments(one, "", needed | data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=4)))
        check_visit(one, told, may_change=False, nodes=("gpu01",))
    except (ConfigurationError, NotPermitted):
        return
    assert one.effect == "read" or one.reads_without
    assert not one.heavy
    for row in rows:
        words = told.get(row.name) or []
        for word in [words] if isinstance(words, str) else words if isinstance(words, list) else []:
            if row.param.means == "place" and word:
                assert word in ("gpu01", "all", "here", "localhost", ".")
            if row.param.means == "name":
                assert "/" not in word
                assert "@" not in word
        assert not (row.param.guarded and row.name in told and told[row.name] != row.default) or row.param.free_up_to


@given(st.sampled_from(TABLE), st.lists(st.tuples(st.text(max_size=10), st.text(max_size=10)), max_size=5))
def test_a_query_is_read_or_refused_whatever_stands_in_it(one: Any, pairs: list[tuple[str, str]]) -> None:
    read_query(QueryParams(pairs), one)


@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=60))
def test_how_long_is_waited_is_bounded(told: str) -> None:
    assert 0 <= read_wait(Headers({"prefer": told})) <= WAIT_SECONDS


def test_how_long_is_waited_is_as_was_asked() -> None:
    assert read_wait(Headers({})) == WAIT_SECONDS
    assert read_wait(Headers({"prefer": "respond-async"})) == 0
    assert read_wait(Headers({"prefer": "handling=lenient, wait=5"})) == 5


PURE = (
    "numbers",
    "explain",
    "runs",
    "alerts list",
    "alerts history",
    "requests",
    "incident show",
    "jobs logs",
    "batch show",
)


@given(
    st.lists(
        st.tuples(st.sampled_from([one for one in TABLE if one.name in PURE]), st.data(), st.booleans()),
        min_size=5,
        max_size=5,
    )
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("_", [0])
async def test_real_requests_are_answered_as_described(tmp_path: Path, _: int, asked: list[Any]) -> None:
    async with asking(tmp_path) as hub:
        for one, data, posted in asked:
            names = [row.name.rstrip("_") for row in one.parameters(FACE)] or ["x"]
            told = data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=3))
            if posted:
                answer = await hub.post(path_of(one), told)
            else:
                from urllib.parse import urlencode

                query = urlencode({name: str(value) for name, value in told.items()}, errors="replace")
                answer = await hub.get(f"{path_of(one)}?{query}")
            described = WHOLE["paths"][path_of(one)]["post"]["responses"]
            assert str(answer.status) in described
            assert answer.status < 500
            if answer.status == 200:
                form = described["200"]["content"]["application/json"]["schema"]
            else:
                form = {"$ref": "#/components/schemas/api.Error"}
            whole = {"allOf": [form], "components": WHOLE["components"]}
            jsonschema.Draft202012Validator(whole).validate(answer.json)
