"""Fair samples: all while they are few, each with the same chance when they are many."""

from __future__ import annotations

from keepwell.bench.sample import Sample


def test_few_are_all_kept() -> None:
    sample = Sample(1, most=100)
    for number in range(100):
        sample.offer(float(number))
    assert list(sample.kept) == [float(number) for number in range(100)]


def test_many_are_kept_fairly() -> None:
    """The mean of a fair sample of 2,000 of 0..99,999 is within 5 of its standard errors of the middle."""
    sample = Sample(7, most=2_000)
    for number in range(100_000):
        sample.offer(float(number))
    assert len(sample.kept) == 2_000
    assert abs(sum(sample.kept) / 2_000 - 50_000) < 5 * 28_868 / 2_000**0.5
    assert 60 < sum(one >= 95_000 for one in sample.kept) < 140


def test_what_need_not_be_offered_may_be_counted_down() -> None:
    """Skipping by hand gives the same sample as offering all."""
    offered, skipped = Sample(3, most=50), Sample(3, most=50)
    for number in range(5_000):
        offered.offer(float(number))
        if skipped.left:
            skipped.left -= 1
        else:
            skipped.offer(float(number))
    assert list(offered.kept) == list(skipped.kept)
