"""Every machine of the table: what is seen, what is missing and why, which findings are bad, which cause is first."""

from __future__ import annotations

import pytest

from keepwell.core.finding import Status
from keepwell.core.observation import Missing
from keepwell.testing.fake_gpu.scenarios import SCENARIOS
from tests.fake_gpu.played import needs_compiler, play

pytestmark = needs_compiler


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_machine_is_seen_and_judged_as_the_table_says(name: str) -> None:
    row = SCENARIOS[name]
    played = await play(row.machine, log_hidden=row.log_hidden)
    for wanted, value in row.values.items():
        assert played.value(wanted) == value, wanted
    for wanted, (kind, words) in row.missing.items():
        found = played.value(wanted)
        assert isinstance(found, Missing), f"{wanted} is {found}"
        assert (found.kind, words in found.reason) == (kind, True), f"{wanted}: {found}"
    findings = played.result.findings
    bad = {one.check: one.message for one in findings if one.bad}
    assert set(bad) == set(row.bad), bad
    for check, facts in row.bad.items():
        matching = [one.facts for one in findings if one.check == check and one.bad]
        assert any(facts.items() <= one.items() for one in matching), [dict(one) for one in matching]
    assert set(row.good) <= {one.check for one in findings if one.status is Status.OK}
    ranking = [(one.issue, round(one.confidence, 2)) for one in played.diagnosis.hypotheses]
    assert played.first == row.cause, ranking
