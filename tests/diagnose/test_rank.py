"""Ranking: the unknown competes, and competes harder on a quiet machine."""

from __future__ import annotations

from keepwell.core.issue import Evidence
from keepwell.diagnose.clues import Clues
from keepwell.diagnose.rank import rank_causes
from keepwell.diagnose.weigh import weigh_all
from tests.diagnose.made import make_finding, make_issue


def weigh(weight: float) -> tuple[float, float, float]:
    """Confidence of a single cause with this evidence, the unknown, and the confidence on a quiet machine."""
    issue = make_issue("x", Evidence(say="x", weight=weight, check="a.one"))
    weighed = weigh_all([issue], Clues(findings=(make_finding("a.one"),)))
    ranked, unknown = rank_causes(weighed)
    quiet, _ = rank_causes(weighed, quiet=True)
    return ranked[0][1], unknown, quiet[0][1]


def test_nothing_known_is_unknown() -> None:
    assert rank_causes([]) == ([], 1.0)


def test_a_hint_is_unsure_and_a_proof_is_sure() -> None:
    assert weigh(0.5)[0] < 0.5
    assert weigh(7.0)[0] > 0.9


def test_a_quiet_machine_needs_more() -> None:
    sure, unknown, quiet = weigh(3.0)
    assert quiet < sure
    assert abs(sure + unknown - 1.0) < 1e-9
