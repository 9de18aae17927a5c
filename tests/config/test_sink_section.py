"""Where numbers are sent, as keepwell.toml says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.config import parse_config
from keepwell.config.model import Config, Secret
from keepwell.config.problems import InvalidConfig

KINDS = {"kind": {"one"}, "sink": {"remote_write", "otlp"}}


def read(text: str) -> Config:
    return parse_config(text.encode(), path=Path("keepwell.toml"), kinds=KINDS)


def test_a_sink_with_everything() -> None:
    (one,) = read(
        '[[sink]]\nname = "mimir"\nkind = "remote_write"\nurl = "https://mimir.lan/api/v1/push"\nevery = "30s"\n'
        'user = "7"\nsecret = {env = "KEY"}\nheaders = {"X-Scope-OrgID" = "home"}\nonly = ["device."]\n'
    ).sinks
    assert (one.url, one.every_seconds, one.user, one.secret) == (
        "https://mimir.lan/api/v1/push",
        30.0,
        "7",
        Secret(env="KEY"),
    )
    assert (one.headers, one.only) == ({"x-scope-orgid": "home"}, ("device.",))


def test_the_usual_values() -> None:
    (one,) = read('[[sink]]\nname = "a"\nkind = "otlp"\nurl = "http://127.0.0.1:4318"').sinks
    assert (one.every_seconds, one.secret, one.headers, one.only) == (15.0, None, {}, ())


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('kind = "influx"', "is not known"),
        ('url = "http://u:p@mimir.lan"', "without a login"),
        ('every = "0.1s"', "a second or more"),
        ('headers = {Authorization = "Bearer x"}', "secret = "),
        ('headers = {"a b" = "c"}', "headers like"),
        ('headers = {a = "c\\nd"}', "one line"),
        ('secret = "in clear"', "must not stand in this file"),
        ('headers = "x"', "headers like"),
    ],
)
def test_mistakes_are_told(line: str, what: str) -> None:
    rows = {"name": 'name = "a"', "kind": 'kind = "otlp"', "url": 'url = "http://127.0.0.1:4318"'}
    rows[line.partition(" ")[0]] = line
    with pytest.raises(InvalidConfig, match=what):
        read("[[sink]]\n" + "\n".join(rows.values()))


def test_two_of_one_name_are_a_mistake() -> None:
    one = '[[sink]]\nname = "a"\nkind = "otlp"\nurl = "http://127.0.0.1:4318"\n'
    with pytest.raises(InvalidConfig, match="declared already"):
        read(one + one)
