"""What a pasted text is like, where no signature speaks or only a weak one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.core.hypothesis import Diagnosis
from keepwell.core.issue import Case, Evidence
from keepwell.core.observation import Seen
from keepwell.diagnose.diagnosis import Text, diagnose
from keepwell.diagnose.likeness import find_alike, issue_entry
from keepwell.diagnose.weigh import ALIKE, ALIKE_INCIDENT
from keepwell.recall import Entry

from .made import make_catalogue, make_issue

DISK = make_issue(
    "disk-full",
    Evidence(say="a write fails because the disk has no room", match=("ENOSPC",), weight=4),
    Evidence(say="umbrella", match=("umbrella",), weight=-2),
    cases=(Case(name="a pull", text="write /models/blob: no space left on device"),),
)
PORT = make_issue(
    "port-held",
    Evidence(say="another program listens on the port already", match=("EADDRINUSE",), weight=4),
    cases=(Case(name="a start", text="listen tcp 127.0.0.1:8080: bind: address already in use"),),
)
CATALOGUE = make_catalogue(DISK, PORT)


def tell(text: str, *closed: Entry, pasted: bool = True) -> Diagnosis:
    return diagnose(Seen(), (), (Text(name="t", chunks=(text.encode(),), pasted=pasted),), CATALOGUE, closed=closed)


def test_an_entry_holds_what_speaks_for_the_cause_and_its_cases() -> None:
    text = issue_entry(DISK, CATALOGUE.signatures).text
    assert "no room" in text
    assert "enospc" in text
    assert "no space left" in text
    assert "umbrella" not in text


def test_the_likest_cause_comes_first() -> None:
    assert next(iter(find_alike(CATALOGUE, "no space left on the device"))) == "disk-full"
    assert find_alike(CATALOGUE, " \n") == {}


def test_a_text_without_any_signature_is_answered_by_what_it_is_like_and_says_so() -> None:
    found = tell("pulling the model stopped: there is no space left on the device for the blob")
    first = found.hypotheses[0]
    assert first.issue == "disk-full"
    assert ALIKE in [one.evidence.say for one in first.supporting]


def test_a_closed_incident_is_named_as_the_reason() -> None:
    text = "the flux capacitor hums and the giraffe will not load"
    assert not tell(text).hypotheses
    found = tell(text, Entry("incident-7", "port-held", "flux capacitor hums, giraffe does not load"))
    first = found.hypotheses[0]
    assert first.issue == "port-held"
    assert f"{ALIKE_INCIDENT} incident-7" in [one.evidence.say for one in first.supporting]


def test_a_log_that_nobody_chose_is_like_nothing() -> None:
    assert not tell("no space left on the device", pasted=False).hypotheses


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["no space left", "ENOSPC", "address in use", "EADDRINUSE", "umbrella", "x"])))
def test_shares_and_the_unknown_add_up_to_one(lines: list[str]) -> None:
    found = tell("\n".join(lines))
    total = sum(one.confidence for one in found.hypotheses) + found.unknown
    assert total == pytest.approx(1.0)
    assert found == tell("\n".join(lines))
