"""Names on pages that are not series."""

from __future__ import annotations

import re

from keepwell.metrics.pages import GATEWAY_PAGE, HUB_PAGE, Shown


def fits(one: Shown) -> bool:
    """By Prometheus' rules: the unit at the end, `_total` for counters alone."""
    return (
        re.fullmatch("[a-z][a-z0-9_]*", one.name) is not None
        and one.name.endswith(one.unit.value)
        and (one.kind == "counter") == one.name.endswith("_total")
    )


def test_every_name_fits() -> None:
    assert [one.name for one in (*GATEWAY_PAGE, *HUB_PAGE) if not fits(one) or not one.help] == []


def test_no_name_stands_twice() -> None:
    names = [one.name for one in (*GATEWAY_PAGE, *HUB_PAGE)]
    assert sorted(names) == sorted(set(names))
