"""What a head means, whatever is written in it: an answer, a way to go, or a refusal that can be rendered."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.gateway.access import Refused
from keepwell.gateway.choice.ask import Route
from keepwell.gateway.choice.fronts import Fronted, Fronts, make_fronts
from keepwell.gateway.choice.names import Names
from keepwell.gateway.surface import Answer, Surface
from keepwell.gateway.wire.heads import METHODS, RequestHead
from keepwell.gateway.wire.inbound import Request
from keepwell.gateway.work.entrance import enter
from keepwell.gateway.work.entry import Entry
from keepwell.plugins.dialect import Failure, Offered
from keepwell.plugins.routing import Replica
from keepwell.store.keys import Key
from tests.gateway.made import DIALECTS

REPLICA = Replica(id="box/0", node="box", host="h", port=1, dialects=frozenset(DIALECTS))
ROUTE = Route(name="m", replicas={"box/0": "m"})
PATHS = sorted({endpoint.path for dialect in DIALECTS.values() for endpoint in dialect.endpoints} | {b"/behind/x"})
NAMES = [b"x-keepwell-node", b"x-keepwell-model", b"x-session-id", b"content-type", b"anthropic-version", b"upgrade"]
VALUES = st.one_of(
    st.binary(max_size=30), st.sampled_from([b"box", b"m", b"multipart/form-data; boundary=b", b"application/json"])
)


def surface() -> Surface:
    made = Surface(DIALECTS, lambda request: None)
    behind = Replica(id="s", node="box", host="h", port=2, dialects=frozenset({"plain"}))
    fronts = make_fronts([Fronted(name="s", prefix="/behind", replica=behind)], [REPLICA], made.changed_by)
    made.replace(Names({"m": ROUTE}, {}, (("gpt-*", "m"),)), [Offered(name="m")], fronts)
    return made


SURFACE = surface()


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(METHODS)),
    st.one_of(st.sampled_from(PATHS), st.binary(max_size=20).map(lambda more: b"/" + more)),
    st.binary(max_size=20),
    st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4),
    st.booleans(),
    st.binary(max_size=60),
)
def test_whatever_a_head_says_it_means_something(
    method: bytes, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], admin: bool, body: bytes
) -> None:
    target = path + b"?" * bool(query) + query
    request = Request(RequestHead(method, target, headers, old=False, close=False), body, 0.0)
    made: Entry | Answer | Failure
    try:
        made = enter(SURFACE, request, Key(name="k", digest="", admin=admin), object())
    except Refused as refused:
        made = refused.failure
    if isinstance(made, Failure):
        assert 400 <= made.status < 600
        assert all(dialect.render_refusal(made) for dialect in DIALECTS.values())
        return
    if isinstance(made, Answer):
        assert made.status in (200, 404, 405)
        return
    first, _, _ = request.head.onward.partition(b"\r\n")
    assert first.startswith(method + b" /")
    assert made.route is None or made.route.name in ("service s", "node box", "node box/0")
    assert made.endpoint.use != "admin" or admin


def test_nodes_and_services_are_found_by_their_names_and_prefixes() -> None:
    fronts = SURFACE.fronts
    assert sorted(fronts.nodes) == ["box", "box/0"]
    assert {one.id for one in fronts.replicas} == {"s", "box/0 admin"}
    assert fronts.find(b"/behind") is fronts.find(b"/behind/") is not None
    assert fronts.find(b"/behindx") is None
    assert Fronts().find(b"/") is None


def test_the_longest_prefix_counts() -> None:
    places = [Replica(id=name, node="n", host="h", port=1, dialects=frozenset({"plain"})) for name in ("a", "b")]
    services = [Fronted(name="a", prefix="/x", replica=places[0]), Fronted(name="b", prefix="/x/y", replica=places[1])]
    fronts = make_fronts(services, [], frozenset())
    found = [fronts.find(path) for path in (b"/x/1", b"/x/y/1", b"/x/yy")]
    assert [one.route.name for one in found if one is not None] == ["service a", "service b", "service a"]


@pytest.mark.parametrize("header", [b"x-keepwell-session", b"x-session-id"])
def test_a_session_is_named_by_the_head(header: bytes) -> None:
    head = RequestHead(b"POST", b"/v1/chat/completions", [(header, b"ada")], old=False, close=False)
    made = enter(SURFACE, Request(head, b"{}", 0.0), Key(name="k", digest=""), object())
    assert isinstance(made, Entry)
    assert made.session == b"ada"
