"""Kernel settings in files: keys as people write them, one value set, every other byte kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwell.formats.sysctl import parse_key, parse_sysctl, render_key, same_value, set_value

LINES = st.lists(
    st.one_of(
        st.sampled_from(
            ["vm.swappiness = 60\n", "vm.swappiness=60\r\n", "-net.ipv4.ip_forward=1\n", "# vm.swappiness = 1\n", "\n"]
        ),
        st.sampled_from(["; x\n", "no setting\n", "=\n", "vm.swappiness\t=\t\n", "net/ipv4/conf/eth0.1/x = 1\n"]),
        st.text(st.characters(codec="latin-1"), max_size=12),
    ),
    max_size=6,
).map(lambda lines: "".join(lines).encode("latin-1"))
KEYS = st.sampled_from(["vm/swappiness", "net/ipv4/ip_forward", "net/ipv4/conf/eth0.1/x", "kernel/new_one"])
VALUES = st.sampled_from(["0", "10", "1024 65000", "|/bin/core %p"])


def rows(content: bytes) -> list[bytes]:
    return [line.rstrip(b"\r") for line in content.removesuffix(b"\n").split(b"\n")]


@given(LINES, KEYS, VALUES)
def test_only_one_line_changes_and_it_says_what_was_wished(content: bytes, key: str, value: str) -> None:
    after = set_value(content, key, value)
    last = [one.value for one in parse_sysctl(after) if one.key == key][-1]
    assert same_value(last, value)
    assert set_value(after, key, value) == after
    old, new = rows(content), rows(after)
    if len(new) == len(old):
        assert sum(one != other for one, other in zip(old, new, strict=True)) <= 1
    else:
        assert new[:-1] == old
    others = [(one.key, one.value) for one in parse_sysctl(content) if one.key != key]
    assert [(one.key, one.value) for one in parse_sysctl(after) if one.key != key] == others


@given(st.binary(max_size=120))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    assert all(one.key and one.line for one in parse_sysctl(content))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("vm.swappiness", "vm/swappiness"),
        ("vm/swappiness", "vm/swappiness"),
        ("net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding"),
        ("net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding"),
    ],
)
def test_dots_and_slashes_change_places(text: str, path: str) -> None:
    assert parse_key(text) == path
    assert parse_key(render_key(path)) == path


@pytest.mark.parametrize(
    "text", ["", "swappiness", "vm..x", "../etc/passwd", "vm/../../x", "/vm/x", "vm.x y", "vm.x\n"]
)
def test_what_leads_elsewhere_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        parse_key(text)


def test_the_last_of_several_lines_counts_and_is_the_one_that_changes() -> None:
    content = b"vm.swappiness=1\n# mine\n - vm/swappiness  =  2  \r\nvm.x=3"
    assert [(one.key, one.value, one.line) for one in parse_sysctl(content)] == [
        ("vm/swappiness", "1", 1),
        ("vm/swappiness", "2", 3),
        ("vm/x", "3", 4),
    ]
    assert set_value(content, "vm/swappiness", "9") == b"vm.swappiness=1\n# mine\n - vm/swappiness  =  9\r\nvm.x=3"
    assert set_value(b"a.b=1", "vm/y", "2") == b"a.b=1\nvm.y = 2\n"
    with pytest.raises(ValueError, match="several lines"):
        set_value(b"", "vm/y", "1\nkernel.z = 1")
