"""What the database of requests holds, and how one of an earlier release becomes one of this. As SQL.

Months are partitions, by when rows were written. `keepwell_about` holds three numbers: the schema's `version`, the
number of the `last` row and of the last one that sketches count (`folded`), and since when there are sketches of
`minutes`. Instants of sketches are seconds, all others microseconds since the epoch.
"""

from __future__ import annotations

import time

from keepwell.store.requestlog.columns import COUNTS, KIND, MICRO, PARTS
from keepwell.store.requests import COLUMNS

#: The newest version of the schema.
VERSION = 1
#: Held by one who makes or changes tables: "keepwell" as a number, so that nobody else's lock is it.
LOCK = 0x6B656570
_NUMBERS = ("status", "retries", "changed_options", "cold")
_SKETCHES = "".join(
    f"CREATE TABLE keepwell_{name} (measure smallint, at bigint, route text, replica text, class text,"
    " sketch bytea NOT NULL, PRIMARY KEY (measure, at, route, replica, class));"
    for name in ("minute", "hour", "route_hour")
)


def _type(name: str) -> str:
    """The type of one of KIND."""
    if name == "stream":
        return "boolean"
    return {True: "integer", False: "text"}[name in _NUMBERS]


_WORDS = ", ".join(f"{name} {_type(name)} NOT NULL" for name in KIND)
_WHOLE = ", ".join(f"{name} bigint NOT NULL" for name in COUNTS)
_UNSURE = ", ".join(f"{name} bigint" for name in PARTS)
_FIRST = f"""
CREATE TABLE keepwell_about (name text PRIMARY KEY, value bigint NOT NULL);
INSERT INTO keepwell_about VALUES ('version', 0), ('last', 0), ('folded', 0), ('minutes', 0);
CREATE TABLE keepwell_mark (source text PRIMARY KEY, number bigint, id bigint, at bigint, doubtful bigint);
CREATE TABLE keepwell_request (month integer NOT NULL, number bigint NOT NULL, at bigint NOT NULL,
 {_WORDS}, {_WHOLE}, {_UNSURE})
 PARTITION BY LIST (month);
CREATE INDEX keepwell_request_number ON keepwell_request (number);
CREATE INDEX keepwell_request_id ON keepwell_request (id);
CREATE INDEX keepwell_request_at ON keepwell_request (at);
{_SKETCHES}
"""
#: What leads from each version to the next. A released step is never changed; a new version is one more of them.
STEPS = (_FIRST,)
COPY = f"COPY keepwell_request (month, number, at, {', '.join((*KIND, *COUNTS, *PARTS))}) FROM STDIN"


def _shown() -> str:
    """The columns of a row as they were, in the order of COLUMNS."""
    shown = {name: name for name in COLUMNS}
    shown |= {name: f"coalesce({name}::float8 / {parts}, -1)" for name, parts in PARTS.items()}
    shown["at"] = f"at::float8 / {MICRO}"
    return ", ".join(shown[name] for name in COLUMNS)


#: Every row with its number.
ROWS = f"SELECT number, {_shown()} FROM keepwell_request"
#: What sketches are made of: rows after a number, whether they went well, what they count for and their measures.
MEASURED = (
    "SELECT number, outcome = '' AND status < 400, route, replica, cold, at, first_byte_seconds, output_token_seconds,"
    " queue_seconds, total_seconds FROM keepwell_request WHERE number > %s ORDER BY number LIMIT %s"
)


def month_of(at: float) -> int:
    """The month of an instant, such as 202611, by UTC."""
    there = time.gmtime(at)
    return there.tm_year * 100 + there.tm_mon


def render_partition(month: int) -> str:
    """The statement that makes the table of a month, if it is not there."""
    return f"CREATE TABLE IF NOT EXISTS keepwell_request_{month} PARTITION OF keepwell_request FOR VALUES IN ({month})"
