"""How a row is kept: what it shares with many others as one small number, the rest as whole numbers.

Most words of a row go together: one key asks one path for one route, which one replica answers. Each combination of
them that was seen is a row of the table `kind`; a request has only its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, fields
from operator import itemgetter
from typing import TypeAlias, cast

from keepwell.store.requests import COLUMNS, NAME_CHARACTERS, RequestRow, Values

#: What goes together.
KIND = (
    *("key", "path", "dialect", "route", "asked", "answered", "replica", "status", "outcome", "stream", "retries"),
    *("proof", "digest", "device", "changed_options", "cold"),
)
#: Plain numbers; of tokens -1 is nobody knows.
COUNTS = ("id", "input_tokens", "output_tokens", "cached_tokens", "bytes_in", "bytes_out")
#: What is kept as whole parts, by how many of them are in one: microseconds, millijoules, billionths of a price.
#: Less than 0 is nobody knows.
PARTS = {
    "queue_seconds": 10**6,
    "first_byte_seconds": 10**6,
    "total_seconds": 10**6,
    "output_token_seconds": 10**6,
    "load_seconds": 10**6,
    "prefill_seconds": 10**6,
    "decode_seconds": 10**6,
    "stalled_seconds": 10**6,
    "energy_joules": 10**3,
    "cost": 10**9,
}
MICRO = 10**6
#: Most bytes of a whole number that SQLite keeps.
_MOST = 2**63
_WORDS = frozenset((str, int, bool))
_WHOLE, _NUMBERS = frozenset((int, bool)), frozenset((int, bool, float))
_KIND = itemgetter(*(COLUMNS.index(name) for name in KIND))
_COUNTS = tuple(COLUMNS.index(name) for name in COUNTS)
_PARTS = tuple((COLUMNS.index(name), parts) for name, parts in PARTS.items())
_AT = COLUMNS.index("at")
_DEFAULTS = tuple(one.default for one in fields(RequestRow))
_ROW: Callable[..., RequestRow] = RequestRow
_NEEDED = sum(one is MISSING for one in _DEFAULTS)

#: What stands in the table `kind`, in the order of KIND.
Kind: TypeAlias = tuple[object, ...]


def complete(rows: Sequence[Values]) -> list[Values]:
    """Each with all fields: the newest may be missing. ValueError for what is no row."""
    if set(map(len, rows)) == {len(COLUMNS)}:
        return list(rows)
    if any(not _NEEDED <= len(row) <= len(COLUMNS) for row in rows):
        raise ValueError("a row has too few or too many fields")
    return [(*row, *_DEFAULTS[len(row) :]) for row in rows]


def kinds_of(rows: Sequence[Values]) -> list[Kind]:
    """The combination of each."""
    return [_KIND(row) for row in rows]


def numbers_of(rows: Sequence[Values]) -> tuple[list[int], list[Sequence[int]]]:
    """When each came, in microseconds; and columns: COUNTS and then PARTS. ValueError for what is no row."""
    columns = list(zip(*rows, strict=True))
    try:
        times = [round(one * MICRO) for one in cast("Sequence[float]", columns[_AT])]
        counts = [[int(one) for one in cast("Sequence[int]", columns[place])] for place in _COUNTS]
        parts = [[round(one * many) for one in cast("Sequence[float]", columns[place])] for place, many in _PARTS]
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"a row holds what is no number: {error}") from error
    found: list[Sequence[int]] = [*counts, *parts]
    if any(max(one) >= _MOST or min(one) < -_MOST for one in (times, *found)):
        raise ValueError("a row holds a number beyond all bounds")
    return times, found


def columns_of(rows: Sequence[Values]) -> tuple[list[int], list[Sequence[int | float]]]:
    """When each came, in microseconds; and columns as they are: COUNTS, PARTS. ValueError for what is no row."""
    columns = list(zip(*rows, strict=True))
    found = [cast("Sequence[int | float]", columns[place]) for place in _COUNTS]
    found += [cast("Sequence[int | float]", columns[place]) for place, _ in _PARTS]
    times = cast("Sequence[float]", columns[_AT])
    if any(not _WHOLE.issuperset(map(type, one)) for one in found[: len(COUNTS)]) or any(
        not _NUMBERS.issuperset(map(type, one)) for one in (times, *found)
    ):
        raise ValueError("a row holds what is no number")
    if not all(min(one) > -_MOST / 10**9 and max(one) < _MOST / 10**9 for one in (times, *found[len(COUNTS) :])):
        raise ValueError("a row holds a number beyond all bounds")
    if any(max(one) >= _MOST or min(one) < -_MOST for one in found[: len(COUNTS)]):
        raise ValueError("a row holds a number beyond all bounds")
    return [round(one * MICRO) for one in times], found


def fit_kind(kind: Kind) -> Kind:
    """As it is kept: names come from outside and are cut. ValueError for what is none."""
    if (
        not _WORDS.issuperset(map(type, kind))
        or max([abs(one) for one in kind if isinstance(one, int)], default=0) >= _MOST
    ):
        raise ValueError("a row holds what is no word")
    names = [one for one in kind if isinstance(one, str)]
    if max(map(len, names), default=0) <= NAME_CHARACTERS and "".join(names).isascii():
        return kind
    return tuple(map(_fit, kind))


def fits(row: Values) -> bool:
    """Whether it can be kept."""
    try:
        whole = complete([row])
        columns_of(whole)
        hash(fit_kind(kinds_of(whole)[0]))
    except (ValueError, TypeError):
        return False
    return True


def make_row(values: Sequence[object]) -> RequestRow:
    """The row of these values in the order of COLUMNS, as the view gives them."""
    named = dict(zip(COLUMNS, values, strict=True))
    named["stream"] = bool(named["stream"])
    return _ROW(**named)


def render_view() -> Iterator[str]:
    """The columns of the view that shows rows as they were, as SQL."""
    for name in COLUMNS:
        if name in KIND:
            yield f"kind.{name} AS {name}"
        elif name == "at":
            yield f"request.at / {MICRO}.0 AS at"
        elif name in PARTS:
            yield f"coalesce(request.{name} / {PARTS[name]}.0, -1.0) AS {name}"
        elif name.endswith("_tokens"):
            yield f"coalesce(request.{name}, -1) AS {name}"
        else:
            yield f"request.{name} AS {name}"  # as it is: who asks for an id gets it by the index


def _fit(value: object) -> object:
    if isinstance(value, str):
        return value[:NAME_CHARACTERS].encode("utf-8", "replace").decode()
    return value
