"""What zpool prints."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.formats.zpool import parse_list, parse_status

LIST = "tank\t1000\t250\t31\nboot\t100\t-\t-\n"
STATUS = """\
  pool: tank
 state: DEGRADED
  scan: scrub repaired 0B in 01:02:03 with 0 errors on Sun Nov  8 00:24:01 2026
config:

\tNAME        STATE     READ WRITE CKSUM
\ttank        DEGRADED     0     0     0
\t  mirror-0  DEGRADED     0     0    12
\t    sda     ONLINE       0     0    12
\t    sdb     FAULTED      3   117     0  too many errors
\tspares
\t  sdc       AVAIL

errors: 2 data errors, use '-v' for a list

  pool: boot
 state: ONLINE
config:

\tNAME        STATE     READ WRITE CKSUM
\tboot        ONLINE       0     0     0

errors: No known data errors
"""


def test_room_and_errors() -> None:
    assert parse_list(LIST) == {
        "tank": {"total_bytes": 1000, "free_bytes": 250, "used_ratio": 0.75, "fragmented_ratio": 0.31},
        "boot": {},
    }
    assert parse_status(STATUS) == {
        "tank": {"read": 3, "write": 117, "checksum": 12, "data_errors": 2},
        "boot": {"read": 0, "write": 0, "checksum": 0, "data_errors": 0},
    }


@settings(max_examples=60)
@given(st.text(alphabet="ab\t\n -0123456789:poleskrORIN%", max_size=200))
def test_any_text_gives_numbers_or_nothing(text: str) -> None:
    for rows in (parse_list(text), parse_status(text)):
        assert all(isinstance(number, float | int) for row in rows.values() for number in row.values())
