"""The table of all made machines, by name. Their facts come from drivers' headers, manuals and users' reports;

no card of these was at hand when they were written (docs/decisions/0012-gpus-without-a-gpu.md).
"""

from __future__ import annotations

from keepwell.testing.fake_gpu.scenario import Scenario
from keepwell.testing.fake_gpu.scenarios_faults import FAULTS
from keepwell.testing.fake_gpu.scenarios_other import OTHERS
from keepwell.testing.fake_gpu.scenarios_well import WELL

SCENARIOS: dict[str, Scenario] = WELL | FAULTS | OTHERS

__all__ = ["SCENARIOS", "Scenario"]
