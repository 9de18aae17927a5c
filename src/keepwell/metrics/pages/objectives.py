"""What the hub's page tells of objectives: whole names, as Sloth's recording rules have them, and nobody else's."""

from __future__ import annotations

#: Windows for which there is a share of bad events, as Sloth names them; the period has its own, such as 30d.
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
ERROR_RATE = "slo:sli_error:ratio_rate"
OBJECTIVE_NAMES: tuple[str, ...] = (
    *(ERROR_RATE + window for window in WINDOWS),
    "slo:objective:ratio",
    "slo:error_budget:ratio",
    "slo:time_period:days",
    "slo:current_burn_rate:ratio",
    "slo:period_burn_rate:ratio",
    "slo:period_error_budget_remaining:ratio",
    "sloth_slo_info",
)
