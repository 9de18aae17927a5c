"""Files of labelled incidents."""

from __future__ import annotations

import json

import pytest

from keepwell.core.errors import ConfigurationError
from keepwell.learning.labelled import parse_labelled


def test_a_line_each() -> None:
    row = {"id": 1, "evidence": "x", "cause": "c", "family": "f", "thread": "Owner/Repo#7", "strict": False, "more": 1}
    (one,) = parse_labelled(["", json.dumps(row)])
    assert (one.id, one.repository, one.sure, one.family) == ("1", "owner/repo", False, "f")


def test_without_a_thread_each_is_its_own_repository() -> None:
    (one,) = parse_labelled(['{"id": "a", "evidence": "x", "cause": "c"}'])
    assert one.repository == "a"


@pytest.mark.parametrize("line", ["{", "[]", '{"id": 1}', "7"])
def test_what_is_no_incident_is_named_by_its_line(line: str) -> None:
    with pytest.raises(ConfigurationError, match=r"f\.jsonl:2: no labelled incident"):
        parse_labelled(['{"id": "a", "evidence": "x", "cause": "c"}', line], "f.jsonl")


def test_an_empty_file_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="holds no incident"):
        parse_labelled(["", " "])
