"""Device nodes of a container by its API: what is set makes it so, touches nothing else, and is not set twice."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.observation import Missing, absent
from keepwell.plugins.managed_container import (
    AS_USER,
    Managed,
    find_change,
    find_nodes,
    options_of,
    path_of,
    read_managed,
)
from keepwell.transport.base import Reply

NODES = st.sampled_from(["/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd", "/dev/dri/renderD128"])
OPTIONS = st.dictionaries(st.sampled_from(["gid", "uid", "mode", "deny-write"]), st.sampled_from(["0", "44", "0660"]))
DEVICES = st.lists(
    st.builds(
        lambda node, options: ",".join((node, *(f"{name}={value}" for name, value in options.items()))), NODES, OPTIONS
    ),
    max_size=5,
)
SETTINGS = st.dictionaries(
    st.integers(0, 255).map("dev{}".format), DEVICES.filter(bool).map(lambda found: found[0]), max_size=4
)


@settings(max_examples=60)
@given(SETTINGS, DEVICES)
def test_what_is_set_makes_it_so(there: dict[str, str], devices: list[str]) -> None:
    managed = Managed(settings={**there, "memory": "8192"}, running=True, user="root@pam")
    pairs = dict(find_change(managed, devices))
    after = Managed(settings={**managed.settings, **pairs}, running=True, user="root@pam")
    assert find_change(after, devices) == ()
    assert all(name.startswith("dev") for name in pairs)
    nodes = find_nodes(after)
    for one in {path_of(one): one for one in devices}.values():
        assert options_of(one).items() <= options_of(after.settings[nodes[path_of(one)]]).items()


def test_no_key_is_left() -> None:
    settings_ = {f"dev{number}": f"/dev/other{number}" for number in range(256)}
    with pytest.raises(ValueError, match="as many devices"):
        find_change(Managed(settings=settings_, running=False, user=""), ["/dev/kfd"])


def test_a_path_may_be_named() -> None:
    assert (path_of("gid=44,path=/dev/kfd"), options_of("gid=44,path=/dev/kfd")) == ("/dev/kfd", {"gid": "44"})


@given(st.binary(max_size=80), st.integers(100, 599))
def test_any_answer_is_read_or_told(body: bytes, status: int) -> None:
    read_managed(Reply(status=status, body=body), Reply(status=200, body=b'{"data":{"status":"running"}}'))


def test_answers_are_read() -> None:
    config = {"data": {"dev0": "/dev/kfd", "memory": 512, "lxc": [["lxc.a", "b"]], "digest": "d"}}
    state = Reply(status=200, body=b'{"data":{"status":"running"}}')
    found = read_managed(Reply(status=200, body=json.dumps(config).encode(), headers={AS_USER: "root@pam"}), state)
    assert not isinstance(found, Missing)
    assert (found.running, found.user, found.raw, dict(find_nodes(found))) == (
        True,
        "root@pam",
        ("lxc.a: b",),
        {"/dev/kfd": "dev0"},
    )
    assert isinstance(read_managed(absent("nobody there"), state), Missing)
