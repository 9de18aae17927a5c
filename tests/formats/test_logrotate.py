"""Files of logrotate: what is written is read back the same; paths are found in files of others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.logrotate import (
    PERIODS,
    SIGNALS,
    Rotation,
    find_paths,
    is_whole,
    parse_rotation,
    render_rotation,
)

WORDS = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
PATHS = st.from_regex(r"/[A-Za-z0-9 *?.'_-]{1,20}[a-z]", fullmatch=True)
SIGNALLED = st.tuples(st.just(False), st.sampled_from(SIGNALS), WORDS.map(lambda word: f"{word}.service"))
ROTATIONS = st.builds(
    lambda how, user, **more: Rotation(copytruncate=how[0], signal=how[1], unit=how[2], user=user, group=user, **more),
    how=st.one_of(st.just((True, "", "")), SIGNALLED),
    user=st.one_of(st.just(""), WORDS),
    paths=st.lists(PATHS, min_size=1, max_size=3).map(tuple),
    every=st.sampled_from(PERIODS),
    size=st.sampled_from(("", "10", "1k", "100M", "2G")),
    keep=st.integers(1, 99),
    max_days=st.integers(0, 99),
    compress=st.booleans(),
)


@settings(max_examples=60)
@given(ROTATIONS)
def test_what_is_written_is_read_back(one: Rotation) -> None:
    content = render_rotation(one)
    assert parse_rotation(content) == one
    assert is_whole(content, one)
    assert find_paths(content) == one.paths


@settings(max_examples=60)
@given(st.binary(max_size=80))
def test_garbage_is_read_or_refused(content: bytes) -> None:
    find_paths(content)
    try:
        parse_rotation(content)
    except ValueError:
        return


def test_paths_of_a_distribution_are_found_and_scripts_are_none() -> None:
    content = b"""compress
/var/log/mail.log
"/var/log/a b.log"
{
    weekly
    postrotate
        /usr/lib/rsyslog/rsyslog-rotate }
    endscript
}
/var/log/one /var/log/two {
    daily
}
"""
    assert find_paths(content) == ("/var/log/mail.log", "/var/log/a b.log", "/var/log/one", "/var/log/two")


def test_a_file_that_says_more_is_not_whole() -> None:
    content = b"/var/log/x {\n  daily\n  olddir /var/old\n}\n"
    assert not is_whole(content, parse_rotation(content))


@pytest.mark.parametrize("path", ['/a"b', "/a{b", "/a\nb", "/a#b", "/a\\b"])
def test_a_path_that_cannot_be_said_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="cannot be told"):
        render_rotation(Rotation(paths=(path,)))
