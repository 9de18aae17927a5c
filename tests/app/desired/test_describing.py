"""A node as it is, in lines that keepwell.toml takes; no secret among them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.app.desired.describing import find_written, render_baseline
from keepwell.app.desired.report import BaselineReport
from keepwell.config import parse_config, shapes, wish_shapes
from keepwell.config.desired_model import DesiredEntry, WishEntry
from keepwell.config.sections import Key
from keepwell.conform.desired.resolve import Wished, make_wished
from keepwell.core.observation import Missing, absent
from keepwell.plugins.wish import find_keys
from tests.conform.desired.kit import Lines

HEAD = ["[[desired]]", 'name = "like a"']


def _wished(table: str, path: str) -> Wished:
    return make_wished(DesiredEntry(), WishEntry(table=table, values={"path": path}))


def _render(*copies: tuple[Wished, Mapping[str, object] | Missing]) -> BaselineReport:
    return render_baseline("a", copies, head=HEAD)


def _read(text: str) -> tuple[WishEntry, ...]:
    (group,) = parse_config(text.encode(), path=Path("x"), kinds={}, wishes=find_keys).desired
    return group.wishes


def test_what_is_written_is_read_back_as_it_was() -> None:
    environment = {"path": "/etc/x.env", "values": {"A": "1", "QUOTED": 'with "quotes" and \\', "E": ""}}
    folder = {"path": "/srv/models", "mode": 0o2750, "owner": "svc"}
    report = _render((_wished("environment", "/etc/x.env"), environment), (_wished("folder", "/srv/models"), folder))
    assert report.left_out == ()
    assert report.tables == 2
    assert [(one.table, dict(one.values)) for one in _read(report.text)] == [
        ("environment", environment),
        ("folder", folder),
    ]


def test_secrets_are_left_out_and_said() -> None:
    values = {
        "path": "/etc/x.env",
        "values": {"A": "1", "odd.name": "2", "HF_TOKEN": "abcdef", "PROXY": "http://u:pw@proxy:1"},
    }
    report = _render((_wished("environment", "/etc/x.env"), values))
    assert {one.key for one in report.left_out} == {"values.HF_TOKEN", "values.PROXY", "values.odd.name"}
    assert "abcdef" not in report.text
    assert "u:pw" not in report.text
    assert "# left out: environment /etc/x.env values.HF_TOKEN" in report.text
    (one,) = _read(report.text)
    assert one.values["values"] == {"A": "1"}


def test_what_cannot_be_told_or_written_is_said() -> None:
    values = {"path": "/etc/x.env", "content": b"\0bytes"}
    report = _render(
        (_wished("environment", "/gone"), absent("no such file\x1b[31m")),
        (_wished("environment", "/etc/x.env"), values),
    )
    assert [(one.label, one.key) for one in report.left_out] == [
        ("environment /gone", ""),
        ("environment /etc/x.env", "content"),
    ]
    assert "\x1b" not in report.text
    assert report.exit_code == 0
    assert _render().exit_code == 3


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (wish_shapes.mode, 0o640),
        (wish_shapes.values, {"A": "1"}),
        (wish_shapes.paths, ("/a", "/b")),
        (wish_shapes.document, "a\nb\n"),
        (shapes.flag, True),
        (shapes.port, 8080),
        (shapes.duration, 90.0),
    ],
)
def test_every_shape_has_its_way_back(shape: shapes.Callable[[object], object], value: object) -> None:
    key = Key(name="k", shape=shape, help="h")
    written = find_written(key, value)
    assert not isinstance(written, Missing)


@settings(max_examples=60)
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=12), max_size=5))
def test_any_names_and_values_are_toml(values: dict[str, str]) -> None:
    keeps = Lines()
    wished = Wished(group=DesiredEntry(), step="s", keeps=keeps, wish={"path": "/x"}, label="lines /x")
    try:
        wish_shapes.values(dict(values))
    except ValueError:
        return
    report = render_baseline("a", [(wished, {"path": "/x", "values": values})], head=HEAD)
    ((table,),) = [one["lines"] for one in tomllib.loads(report.text)["desired"]]
    left = {one.key.removeprefix("values.") for one in report.left_out}
    expected = {name: value for name, value in values.items() if name not in left}
    assert table.get("values", {}) == expected
