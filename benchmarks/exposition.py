#!/usr/bin/env python3
"""What reading a page of metrics costs, again and again: keepwell's three ways and prometheus_client.

python benchmarks/exposition.py [--seconds 1.0] [--json FILE] [--client FOLDER]

Pages are those recorded for the tests: of a vLLM, of a node exporter, and of a vLLM with eight data-parallel ranks (the
same page written eight times). Each reader turns bytes into numbers: prometheus_client into its families of samples;
`formats.exposition` into samples; `formats.metric_page` into the numbers that mean something, looking each line up as
it stands; `plugins.page_numbers` further into series under keepwell's names, summed and with reasons for what is
absent. All must agree on how many tokens were generated. prometheus_client is no dependency: FOLDER is a site-packages
that has it (`pip install --target FOLDER prometheus_client`); without it that line is left out.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from keepwell.core.observation import Missing
from keepwell.formats.exposition import parse_exposition
from keepwell.formats.metric_page import PageReader
from keepwell.plugins.alias_table import load_alias_table
from keepwell.plugins.page_numbers import PageNumbers

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "tests" / "engines" / "data" / "pages"
SOURCE = ROOT / "src" / "keepwell"
#: Page, table of names, ranks, and the number by which all readers are compared: theirs and ours.
RUNS = (
    ("vllm-0.32.0", "engines/vllm/series.toml", 1, "vllm:generation_tokens_total", "engine.output_tokens_total"),
    ("vllm-0.32.0", "engines/vllm/series.toml", 8, "vllm:generation_tokens_total", "engine.output_tokens_total"),
    ("node_exporter-1.5.0", "services/node_exporter.toml", 1, "node_forks_total", "host.forks_total"),
)
#: Pages asked once a second by the hub of a homelab: engines and exporters of thirty nodes.
FLEET = 60

Reader = Callable[[bytes], float]


@dataclass(frozen=True)
class Row:
    """Milliseconds a page: the median of all repetitions, and the first one; lines of the page."""

    page: str
    lines: int
    reader: str
    milliseconds: float
    first: float
    told: float


def main() -> int:
    """Measure and print; 1 where two readers disagree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each reader and page")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--client", type=Path, help="a site-packages folder with prometheus_client")
    asked = parser.parse_args()
    if asked.client:
        sys.path.append(str(asked.client))
    rows: list[Row] = []
    agree = True
    for page, table, ranks, theirs, ours in RUNS:
        body = make_page(page, ranks)
        name = f"{page}, {ranks} ranks" if ranks > 1 else page
        found = [
            measure(name, body, reader, make, asked.seconds)
            for reader, make in readers(SOURCE / table, theirs, ours).items()
        ]
        agree = agree and len({round(one.told, 6) for one in found}) == 1
        rows += found
    show(rows)
    if asked.json:
        asked.json.write_text(json.dumps([asdict(one) for one in rows], indent=1) + "\n")
    if not agree:
        print("the readers disagree")
    return int(not agree)


def make_page(page: str, ranks: int) -> bytes:
    """The recorded page, with so many ranks."""
    text = (PAGES / f"{page}.txt").read_text()
    pages = [text.replace('engine="0"', f'engine="{rank}"') for rank in range(ranks)]
    return "".join(pages).encode()


def readers(table: Path, theirs: str, ours: str) -> dict[str, Callable[[], Reader]]:
    """Each makes a reader that gives the compared number."""
    found: dict[str, Callable[[], Reader]] = {
        "page_numbers (series)": lambda: by_numbers(table, ours),
        "metric_page (lines)": lambda: by_lines(table, theirs),
        "exposition (samples)": lambda: by_samples(theirs),
    }
    try:
        parser = importlib.import_module("prometheus_client.parser")
    except ImportError:
        return found
    return {"prometheus_client": lambda: by_client(parser.text_string_to_metric_families, theirs), **found}


def by_client(parse: Callable[[str], Iterable[Any]], theirs: str) -> Reader:
    """prometheus_client's own parser."""

    def read(body: bytes) -> float:
        return sum(
            sample.value for family in parse(body.decode()) for sample in family.samples if sample.name == theirs
        )

    return read


def by_samples(theirs: str) -> Reader:
    """The reader of single pages."""

    def read(body: bytes) -> float:
        return sum(one.value for one in parse_exposition(body.decode("utf-8", "replace")) if one.name == theirs)

    return read


def by_lines(table: Path, theirs: str) -> Reader:
    """The reader that looks lines up, for the names of the table alone."""
    names = load_alias_table(table)

    def find(name: str, labels: Mapping[str, str]) -> str | None:
        del labels
        return name if names.find(name) else None

    reader = PageReader(find)

    def read(body: bytes) -> float:
        return sum(value for name, value in reader.read(body) if name == theirs)

    return read


def by_numbers(table: Path, ours: str) -> Reader:
    """Series."""
    numbers = PageNumbers(load_alias_table(table), "engine:node/it", "node")

    def read(body: bytes) -> float:
        return sum(value for key, value in numbers.read(body) if key.metric == ours and not isinstance(value, Missing))

    return read


def measure(page: str, body: bytes, name: str, make: Callable[[], Reader], seconds: float) -> Row:
    """Repeat for so long; at least ten times."""
    reader = make()
    began = time.perf_counter()
    told = reader(body)
    first = time.perf_counter() - began
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 10:
        began = time.process_time()
        reader(body)
        times.append(time.process_time() - began)
    times.sort()
    return Row(page, body.count(b"\n"), name, times[len(times) // 2] * 1e3, first * 1e3, told)


def show(rows: list[Row]) -> None:
    """A table; the last column is what a fleet's pages cost of a core."""
    print(f"{'page':<24}{'lines':>7}  {'reader':<24}{'ms':>8}{'first ms':>10}{f'{FLEET} pages/s':>14}")
    for one in rows:
        share = one.milliseconds / 1e3 * FLEET
        print(f"{one.page:<24}{one.lines:>7}  {one.reader:<24}{one.milliseconds:>8.3f}{one.first:>10.2f}{share:>13.1%}")


if __name__ == "__main__":
    sys.exit(main())
