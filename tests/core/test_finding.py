"""Statuses are ordered by how much they matter; a finding is bad from WARNING on."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from keepwell.core.finding import Finding, Status
from keepwell.core.ref import node


def test_the_worst_is_the_largest() -> None:
    assert max(Status) is Status.CRITICAL
    assert sorted(Status) == [Status.OK, Status.UNKNOWN, Status.WARNING, Status.CRITICAL]


@pytest.mark.parametrize("status", Status)
def test_bad_from_warning_on(status: Status) -> None:
    finding = Finding(check="a.b", subject=node("n"), status=status, message="m")
    assert finding.bad == (status in (Status.WARNING, Status.CRITICAL))
    with pytest.raises(FrozenInstanceError):
        setattr(finding, "message", "other")  # noqa: B010
