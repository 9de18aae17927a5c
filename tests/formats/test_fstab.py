"""/etc/fstab: one entry is set, and every other byte stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.fstab import FstabEntry, parse_fstab, same_place, set_entry

PLACES = st.from_regex(r"/[a-z #\\é]{0,6}[a-z]", fullmatch=True)
ENTRIES = st.builds(
    FstabEntry,
    what=st.from_regex(r"(UUID=[0-9a-f-]{4,8}|/dev/[a-z]{3}1|nas:/[a-z #]{1,5}z)", fullmatch=True),
    where=PLACES,
    kind=st.sampled_from(("ext4", "nfs4", "xfs")),
    options=st.lists(st.from_regex(r"[a-z=.0-9]{1,8}", fullmatch=True), min_size=1, max_size=3).map(tuple),
    dump=st.integers(0, 1),
    check=st.integers(0, 2),
)
LINES = st.one_of(
    st.binary(max_size=30).filter(lambda line: b"\n" not in line),
    st.just(b"UUID=1-2\t/boot\tvfat  umask=0077 0 1 \r"),
    st.just(b"# /x /data ext4 defaults 0 0"),
    st.just(b"nas:/a /a nfs4 defaults"),
)


@settings(max_examples=120)
@given(st.lists(LINES, max_size=6), ENTRIES, st.booleans())
def test_an_entry_is_set_and_every_other_byte_stays(lines: list[bytes], entry: FstabEntry, ended: bool) -> None:
    content = b"\n".join(lines) + b"\n" * ended
    before = parse_fstab(content)
    if len([one for one in before if same_place(one.where, entry.where)]) > 1:
        with pytest.raises(ValueError, match="lines are for"):
            set_entry(content, entry)
        return
    after = set_entry(content, entry)
    assert [one for one in parse_fstab(after) if same_place(one.where, entry.where)] == [entry]
    assert set_entry(after, entry) == after
    old, new = content.split(b"\n"), after.split(b"\n")
    changed = [at for at, line in enumerate(old) if line not in new]
    assert len(changed) <= 1
    assert [line for at, line in enumerate(old) if at not in changed and line] == [
        line for line in new[: len(old)] if line and line in old
    ]


def test_a_line_is_replaced_where_it_stands() -> None:
    content = b"# top\nUUID=a / ext4 errors=remount-ro 0 1\n/dev/sdb1   /srv/my\\040models/ ext4\tdefaults\n\n# end"
    after = set_entry(content, FstabEntry(what="UUID=b", where="/srv/my models", kind="xfs", options=("noatime",)))
    assert after == (b"# top\nUUID=a / ext4 errors=remount-ro 0 1\nUUID=b /srv/my\\040models xfs noatime 0 0\n\n# end")


def test_lines_that_are_none_are_left_out() -> None:
    assert parse_fstab(b"\n#c\none two\na /b c d e f\n/a /b c d 0 0 0\n\xff") == ()
    (one,) = parse_fstab(b"tmpfs /tmp tmpfs size=1g,,mode=1777")
    assert (one.options, one.dump, one.check) == (("size=1g", "mode=1777"), 0, 0)
