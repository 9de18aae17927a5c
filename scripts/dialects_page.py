#!/usr/bin/env python3
"""Put into docs/dialects.md what each format can say of another's requests, from the codecs themselves.

    python scripts/dialects_page.py [--check]

What stands outside the two marks is written by hand and stays. With --check nothing is written: exit 1 if the page is
not what the codecs say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from keepwell.plugins.asked import Asked, Kind
from keepwell.plugins.codec import VITAL, Codec
from keepwell.plugins.dialect import Dialect, Endpoint
from keepwell.plugins.registry import load_all
from keepwell.plugins.ways import find_ways

PAGE = Path(__file__).resolve().parent.parent / "docs" / "dialects.md"
#: What stands before and after what is made here.
MARK = "<!-- losses: made by `make pages` -->"
KINDS: dict[Kind, str] = {"chat": "Chats", "completion": "Texts to go on with", "embed": "Embeddings"}
#: Names of engine settings that are listed one by one; more are counted.
LISTED = 6


def main(arguments: list[str]) -> int:
    """Write or compare."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARK)
    made = "\n".join([before + MARK, "", *render_all(), MARK]) + rest.partition(MARK)[2]
    if "--check" in arguments:
        if made != text:
            print(f"{PAGE} is not what the codecs say: make pages")
        return int(made != text)
    PAGE.write_text(made, encoding="utf-8")
    print(f"{PAGE}: written")
    return 0


def render_all() -> Iterator[str]:
    """A table for each kind of request."""
    dialects = cast("dict[str, Dialect]", load_all("dialects"))
    for kind, title in KINDS.items():
        yield f"### {title}\n"
        yield "| from | to | carried | dropped | refused |\n|---|---|---|---|---|"
        for name, dialect in dialects.items():
            for endpoint in dialect.endpoints:
                if endpoint.codec is not None and kind in endpoint.codec.kinds:
                    yield from render_rows(dialects, name, endpoint, kind)
        yield ""


def render_rows(dialects: dict[str, Dialect], name: str, endpoint: Endpoint, kind: Kind) -> Iterator[str]:
    """A line for each format that a path's requests of this kind are translated into."""
    own = endpoint.codec
    if own is None:
        return
    for way in find_ways(dialects, name, endpoint):
        if kind not in way.codec.kinds:
            continue
        says = {field for field in own.carries | getattr(own, "only_read", frozenset()) if is_of(field, kind)}
        lost = says - way.codec.carries
        cells = [
            f"{name} `{own.path.decode()}`",
            f"{way.dialect} `{way.codec.path.decode()}`",
            join([*(says & way.codec.carries), *find_options(own, way.codec, lost=False)]),
            join([*(lost - VITAL), *find_options(own, way.codec, lost=True)]),
            join(lost & VITAL),
        ]
        yield f"| {' | '.join(cells)} |"


def find_options(own: Codec, other: Codec, *, lost: bool) -> list[str]:
    """Names of an engine's settings that the other one cannot say, or can."""
    names = sorted(own.options - other.options if lost else own.options & other.options)
    if len(names) > LISTED:
        return [f"{len(names)} of `options`"]
    return [f"options.{one}" for one in names]


def is_of(field: str, kind: Kind) -> bool:
    """Whether a request of this kind can have this field."""
    only: dict[str, set[Kind]] = {
        "messages": {"chat"},
        "tools": {"chat"},
        "tool_choice": {"chat"},
        "parallel_calls": {"chat"},
        "prompts": {"completion", "embed"},
        "prompt_tokens": {"completion", "embed"},
        "suffix": {"completion"},
        "echo": {"completion"},
        "dimensions": {"embed"},
    }
    return kind in only.get(field, {kind}) and field in Asked.__struct_fields__


def join(names: list[str] | set[str] | frozenset[str]) -> str:
    """In order, or nothing."""
    return ", ".join(sorted(names)) or "-"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
