"""The ground as an observation carries it, and back: so that what was judged once can be mended from what was seen."""

from __future__ import annotations

from collections.abc import Mapping

from keepwell.core.observation import Value
from keepwell.core.values import find_number, row_of, text_of, texts_of
from keepwell.plugins.container_gpu.ground import Ground
from keepwell.plugins.device_sharing import load_makers


def row_of_ground(ground: Ground) -> Mapping[str, Value]:
    """The ground as plain values; what nobody looked at is left out."""
    row: dict[str, Value] = {
        "makers": tuple(one.name for one in ground.makers),
        "counts": dict(ground.counts),
        "majors": dict(ground.majors),
        "device_nodes": dict(ground.device_nodes),
        "guarded": tuple(sorted(ground.guarded)),
        "groups": tuple(map(str, ground.groups)),
        "release": ground.release,
    }
    if ground.runtimes is not None:
        row["runtimes"] = tuple(sorted(ground.runtimes))
    if ground.kinds is not None:
        row["kinds"] = tuple(sorted(ground.kinds))
    return row


def ground_of_row(row: Mapping[str, Value]) -> Ground:
    """The ground of such a row; makers that this keepwell does not know are left out."""
    known = load_makers()
    return Ground(
        makers=tuple(known[name] for name in texts_of(row.get("makers")) if name in known),
        counts=_numbers(row.get("counts")),
        runtimes=_words(row, "runtimes"),
        kinds=_words(row, "kinds"),
        majors=_numbers(row.get("majors")),
        device_nodes={path: str(device) for path, device in row_of(row.get("device_nodes")).items()},
        guarded=frozenset(texts_of(row.get("guarded"))),
        groups=tuple(int(one) for one in texts_of(row.get("groups")) if one.isdecimal()),
        release=text_of(row, "release"),
    )


def _numbers(value: Value | None) -> dict[str, int]:
    return {name: int(find_number(one) or 0) for name, one in row_of(value).items()}


def _words(row: Mapping[str, Value], key: str) -> frozenset[str] | None:
    if key not in row:
        return None
    return frozenset(texts_of(row.get(key)))
