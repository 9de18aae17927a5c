"""Folds keep groups together, and a fit never sees what it is judged on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keepwell.learning.choice import fit_choice
from keepwell.learning.folds import assign_folds, cross_validate, judge_all
from keepwell.learning.measure import measure

from .made import make_examples


@given(st.lists(st.sampled_from("abcdefgh"), max_size=60), st.integers(1, 6))
def test_each_group_has_one_fold_and_folds_are_about_equal(groups: list[str], folds: int) -> None:
    fold_of = assign_folds(groups, folds)
    assert set(fold_of) == set(groups)
    assert set(fold_of.values()) <= set(range(folds))
    assert fold_of == assign_folds(list(reversed(groups)), folds)


def test_cross_validated_answers_are_about_as_good_as_fitted_ones_where_the_model_is_true() -> None:
    examples = make_examples(400)
    fitted = measure(judge_all(examples, fit_choice(examples)))
    crossed = measure(cross_validate(examples))
    assert crossed.incidents == 400
    assert abs(fitted.top1.share - crossed.top1.share) < 0.05
    assert crossed.ece <= crossed.ece_perfect[1]
