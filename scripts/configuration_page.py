#!/usr/bin/env python3
"""Write docs/configuration.md: every key of keepwell.toml, from their declarations. Run it after changing one.

    python scripts/configuration_page.py [--check]

With --check nothing is written: exit 1 where the page is not what the declarations say.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

from keepwell.config.desired_reading import make_section
from keepwell.config.render import render_duration, render_value
from keepwell.config.schema import SECTIONS
from keepwell.config.sections import Key, Section
from keepwell.plugins.registry import names
from keepwell.plugins.wish import load_wishes

MIB = 1024 * 1024
PAGE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
TOP = """\
# keepwell.toml

Written by `make pages` from the declarations in `src/keepwell/config`. Nothing has to be declared: what runs is found.
The file lies in the current folder, `~/.config/keepwell/` or `/etc/keepwell/`; `keepwell init` writes a first one.
Every mistake in it is told with its line and what would be right. A running gateway reads it again when it changes; one
that cannot be used is told and changes nothing. Where it listens changes with the next start.

Times are numbers of seconds or texts like "90s", "15m", "2h", "1d"; sizes are texts like "64 MiB"; where several texts
may stand, one is enough. A secret is named and never written: `{env = "NAME"}` or `{file = "/path"}`.
"""
EXAMPLE = """\
## An example

```toml
[gateway]
listen = ["127.0.0.1:4000", "127.0.0.1:11434"]   # clients of Ollama ask at 11434 and notice nothing

[[engine]]
kind = "vllm"
url = "http://192.168.1.20:8000"
node = "gpu01"
name = "big"
tags = ["fast"]

[[engine]]
kind = "ollama"
url = "http://192.168.1.21:11434"
node = "gpu02"
name = "old"

[[node]]
name = "gpu01"
address = "192.168.1.20"

[[node]]
name = "gpu02"
address = "192.168.1.21"

[[route]]
name = "chat"                                    # what clients write
aliases = ["gpt-*"]                              # or anything that fits this
model = ["Qwen/Qwen3-32B", "qwen3:32b"]          # what the two engines call it
policy = ["session", "least_work"]               # a session stays where it is
fallback = "small"                               # when neither can
comments = true                                  # a stream that waits is kept open

[[route]]
name = "small"
model = "qwen3:4b"
default = true                                   # also for names that nobody has

[[service]]
name = "vectors"
url = "http://127.0.0.1:8001"                    # a Chroma, which has no keys of its own
prefix = "/chroma"                               # asked at /chroma/api/v2/..., with a key of the gateway

[[reservation]]
engines = "big"
keys = "night-run"
from = "22:00"
to = "06:00"                                     # on the next day; others wait or take the fallback
days = ["mon", "tue", "wed", "thu"]
```

`keepwell route chat` tells what becomes of it: which route a name means, by which rules a replica is chosen, who is out
and why.
"""


def main(arguments: list[str]) -> int:
    """Write or compare."""
    sections = [*SECTIONS, *find_tables()]
    tables = [line for section in sections for line in render_section(section)]
    text = "\n".join([TOP, *tables, *render_policies(), EXAMPLE])
    if "--check" in arguments:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        if not same:
            print(f"{PAGE} is not what the declarations say: make pages")
        return int(not same)
    PAGE.write_text(text, encoding="utf-8")
    print(f"{PAGE}: {sum(len(one.keys) for one in sections)} keys")
    return 0


def find_tables() -> Iterator[Section]:
    """The tables below [[desired]], as the steps that keep them declare them."""
    for table, (_, step) in sorted(load_wishes().items()):
        yield dataclasses.replace(make_section(table, step.keys), help=f"{step.title}.")


def render_section(section: Section) -> Iterator[str]:
    """Its heading and its table."""
    name = f"[{section.name}]"
    if section.several:
        name = f"[[{section.name}]]"
    yield f"## {name}\n\n{section.help}\n"
    yield "| key | what it says | if left out |\n|---|---|---|"
    defaults = {one.name: one.default for one in dataclasses.fields(section.entry)}
    for key in section.keys:
        default = render_default(key, defaults.get(key.field or key.name, ""))
        yield f"| `{key.name}` | {key.help.replace('|', '/')} | {default} |"
    yield ""


def render_default(key: Key, default: object) -> str:
    """What counts where the key is not written; "" where that is for others to say."""
    if key.required:
        return "it must be there"
    if isinstance(default, bool):
        return f"`{render_value(default)}`"
    if default in ("", (), None, 0, -1, dataclasses.MISSING):
        return ""
    if isinstance(default, float) and key.field.endswith("_seconds"):
        return f"`{render_value(render_duration(default))}`"
    if isinstance(default, int) and key.field.endswith("_bytes"):
        return f'`"{default / MIB:g} MiB"`'
    return f"`{render_value(default)}`"


def render_policies() -> Iterator[str]:
    """The rules by which replicas are chosen, as their modules tell."""
    yield "## Rules of a policy\n"
    yield "Each narrows what the one before it left; the first of the rest is chosen.\n"
    yield "| rule | what it does |\n|---|---|"
    for name in names("routing"):
        module = importlib.import_module(f"keepwell.routing.{name}")
        yield f"| `{name}` | {(module.__doc__ or '').partition(chr(10))[0]} |"
    yield ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
