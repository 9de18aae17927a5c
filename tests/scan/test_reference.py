"""With all signatures of the catalogue a scan finds what asking `re` for each of them on each line finds."""

from __future__ import annotations

import json
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.diagnose.catalogue import Catalogue, load_catalogue
from keepwell.scan.clean import read_blocks
from keepwell.scan.pattern import matches_line
from keepwell.scan.scanner import Scanner
from keepwell.scan.signature import ORDINARY
from keepwell.scan.tally import KEPT_LINES
from keepwell.scan.unwrap import unwrap_line


@cache
def catalogue() -> Catalogue:
    """The shipped one."""
    return load_catalogue()


@cache
def scanner(matcher: str) -> Scanner:
    """A scanner for the whole catalogue that counts every hit."""
    return Scanner(list(catalogue().signatures.values()), faults=catalogue().faults, matcher=matcher)


def lines() -> list[str]:
    """Lines of the issues' own cases, and such as are written while all is well."""
    cases = [case.text for issue in load_catalogue().issues.values() for case in issue.cases]
    return sorted({line for text in cases for line in text.splitlines() if line.strip()}) + ordinary_lines()


def ordinary_lines() -> list[str]:
    """What is written while all is well."""
    return ORDINARY.read_text(encoding="utf-8").splitlines()


def in_json(line: str) -> str:
    """The line as Docker's json-file holds it."""
    return json.dumps({"log": line + "\n", "stream": "stderr", "time": "2026-01-02T03:04:05Z"})


def coloured(line: str) -> str:
    """Its words in turn red and plain."""
    return " ".join(f"\x1b[31m{word}\x1b[0m" for word in line.split(" "))


def with_prefix(line: str) -> str:
    """The line as syslog holds it."""
    return f"Mar  1 10:00:00 box serve[7]: {line}"


FORMS = st.sampled_from([str, str, str.upper, in_json, coloured, with_prefix])
WRITTEN = st.lists(st.tuples(st.sampled_from(lines()), FORMS).map(lambda pair: pair[1](pair[0])), max_size=10)


@given(WRITTEN, st.sampled_from(["hyperscan", "aho-corasick", "find"]))
@settings(max_examples=25, deadline=None)
def test_a_scan_finds_what_re_finds(written: list[str], matcher: str) -> None:
    raw = "\n".join(written).encode()
    clean = b"".join(block.data for block in read_blocks([raw])).split(b"\n")[:-1]
    said = [unwrap_line(line) for line in clean]
    expected = {}
    for pattern in catalogue().signatures:
        numbers = [number for number, line in enumerate(said, 1) if line and matches_line(pattern, line)]
        if numbers:
            expected[pattern] = (len(numbers), numbers[:KEPT_LINES])
    hits = scanner(matcher).scan([raw[at : at + 777] for at in range(0, len(raw), 777)]).hits
    found = {pattern: (hit.count, [line.number for line in hit.lines]) for pattern, hit in hits.items()}
    assert found == expected
