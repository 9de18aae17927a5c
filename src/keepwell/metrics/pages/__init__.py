"""Names on pages that programs of keepwell write by themselves: what dashboards and rules may ask for beside series."""

from __future__ import annotations

from keepwell.metrics.pages.gateway import GATEWAY_PAGE
from keepwell.metrics.pages.hub import HUB_PAGE
from keepwell.metrics.pages.objectives import OBJECTIVE_NAMES
from keepwell.metrics.pages.shown import Shown

__all__ = ["GATEWAY_PAGE", "HUB_PAGE", "OBJECTIVE_NAMES", "Shown"]
