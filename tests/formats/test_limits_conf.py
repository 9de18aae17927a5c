"""Limits of users in files: the line that counts, one limit set, every other byte kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keepwell.formats.limits_conf import LimitKind, find_limit, parse_limits_conf, same_limit, set_limit

LINES = st.lists(
    st.one_of(
        st.sampled_from(["svc soft nofile 1024\n", "svc\t-\tnofile\t4096 # mine\n", "@llm hard memlock -1\r\n", "\n"]),
        st.sampled_from(["# svc soft nofile 1\n", "svc soft nofile\n", "* hard core 0\n", "svc hard nofile 9"]),
        st.text(st.characters(codec="latin-1"), max_size=12),
    ),
    max_size=6,
).map(lambda lines: "".join(lines).encode("latin-1"))
KINDS = st.sampled_from(["soft", "hard"])
ITEMS = st.sampled_from(["nofile", "memlock"])


@given(LINES, st.sampled_from(["svc", "@llm"]), KINDS, ITEMS, st.sampled_from(["65536", "unlimited"]))
def test_it_says_what_was_wished_and_nothing_else_changes(
    content: bytes, domain: str, kind: LimitKind, item: str, value: str
) -> None:
    after = set_limit(content, domain, kind, item, value)
    counts = find_limit(parse_limits_conf(after), domain, kind, item)
    assert counts is not None
    assert same_limit(counts.value, value)
    assert set_limit(after, domain, kind, item, value) == after
    for other in ("soft", "hard"):
        if other != kind:
            was = find_limit(parse_limits_conf(content), domain, other, item)
            now = find_limit(parse_limits_conf(after), domain, other, item)
            assert (was and was.value) == (now and now.value)
    old, new = content.removesuffix(b"\n").split(b"\n"), after.removesuffix(b"\n").split(b"\n")
    if len(old) == len(new) and content:
        assert sum(one != other for one, other in zip(old, new, strict=True)) <= 1
    elif content.strip(b"\n"):
        assert new[: len(old)] == old


@given(st.binary(max_size=120))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    assert all(one.kind in ("soft", "hard", "-") and one.line for one in parse_limits_conf(content))


def test_a_line_for_both_stays_and_one_for_one_of_them_comes_after_it() -> None:
    content = b"svc - nofile 4096 # both\n"
    assert set_limit(content, "svc", "soft", "nofile", "8192") == content + b"svc soft nofile 8192\n"
    assert set_limit(content, "svc", "hard", "nofile", "4096") == content
    assert set_limit(b"svc soft nofile 1 # mine\n", "svc", "soft", "nofile", "2") == b"svc soft nofile 2 # mine\n"
    assert set_limit(b"x", "svc", "soft", "nofile", "2") == b"x\nsvc soft nofile 2\n"
    assert set_limit(b"", "svc", "soft", "nofile", "2") == b"svc soft nofile 2\n"
    assert same_limit("-1", "unlimited")
