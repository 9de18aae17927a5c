"""The section of keepwell.toml that says where numbers are sent; see `schema`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from keepwell.config import shapes
from keepwell.config.sections import Key, Section
from keepwell.config.sink_model import SinkEntry

#: Headers of one receiver; a tenant and a few words of routing are all that is wanted.
HEADERS = 16
#: Least seconds between two sendings: a receiver that is asked more often is worth no more.
LEAST_SECONDS = 1.0
#: A header's name (RFC 9110), and those that say who asks or what the body is: not to be written here.
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OWN = frozenset({"authorization", "proxy-authorization", "cookie", "host", "content-type", "content-length"})


def headers(value: object) -> Mapping[str, str]:
    """Headers as an inline table of texts."""
    expected = 'headers like {"X-Scope-OrgID" = "home"}; for a key there is secret = {env = "NAME"}'
    if not isinstance(value, dict) or len(value) > HEADERS:
        raise ValueError(expected)
    found = {}
    for name, text in value.items():
        if not _TOKEN.fullmatch(name) or name.lower() in _OWN:
            raise ValueError(expected)
        found[name.lower()] = shapes.text(text)
    return found


def every(value: object) -> float:
    """A time of a second or more."""
    found = shapes.duration(value)
    if found < LEAST_SECONDS:
        raise ValueError('a time of a second or more, like "15s"')
    return found


SINK_SECTIONS: tuple[Section, ...] = (
    Section(
        name="sink",
        several=True,
        help="Where numbers are sent beside keepwell's own store; the page of metrics needs no entry.",
        entry=SinkEntry,
        field="sinks",
        distinct=("name",),
        keys=(
            Key(name="name", shape=shapes.label, required=True, help="label"),
            Key(
                name="kind",
                shape=shapes.text,
                required=True,
                choice="sink",
                help="what it speaks: remote_write or otlp",
            ),
            Key(name="url", shape=shapes.url, required=True, help="where it takes numbers"),
            Key(name="every", shape=every, field="every_seconds", help="time between two sendings; 15 s if left out"),
            Key(name="user", shape=shapes.text, help="the user to log in as; then the secret is a password"),
            Key(name="secret", shape=shapes.secret, help='its token or password: {env = "NAME"} or {file = "/path"}'),
            Key(name="headers", shape=headers, help="headers to send along, without keys"),
            Key(name="only", shape=shapes.texts, help='beginnings of names: ["device.", "engine."]; all if left out'),
        ),
    ),
)
