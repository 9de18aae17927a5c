"""[[objective]]: what is right is read, what does not go together is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepwell.config import InvalidConfig, parse_config
from keepwell.config.objective_model import ObjectiveEntry
from keepwell.config.render import render_entry


def read(text: str) -> tuple[ObjectiveEntry, ...]:
    """The objectives of a file."""
    return parse_config(text.encode(), path=Path("keepwell.toml"), kinds={}).objectives


QUICK = '[[objective]]\nname = "quick"\nindicator = "ttft"\ntarget = "95 %"\nwithin = "2s"\n'


def test_it_is_read_and_written() -> None:
    text = QUICK + 'over = "7d"\nroute = "chat"\ncold = true\npage = false\nprobes = 3\n'
    (one,) = read(text)
    assert (one.target, one.within_seconds, one.over_seconds, one.route) == (0.95, 2.0, 7 * 86400.0, "chat")
    assert one.allowed == pytest.approx(0.05)
    assert read("\n".join(render_entry(one))) == (one,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (QUICK.replace('within = "2s"\n', ""), "within: missing"),
        (QUICK + 'path = "/backup"\n', "path: the indicator ttft has none"),
        (QUICK.replace('"95 %"', '"100 %"'), "a share of less than all"),
        (QUICK.replace('"95 %"', "1.0"), "a share of less than all"),
        (QUICK + 'over = "36h"\n', "whole days"),
        (QUICK + 'over = "400d"\n', "whole days"),
        (QUICK + "probes = 60\n", "0 to 12"),
        (QUICK + 'replica = "gpu01"\n', "an engine on its node"),
        (QUICK + 'about = "x"\n', "what it is about"),
        (QUICK + QUICK, "declared already"),
        ('[[objective]]\nname = "a"\nindicator = "utilisation"\ntarget = 0.9\n', "no bound"),
        ('[[objective]]\nname = "a"\nindicator = "utilisation"\ntarget = 0.9\nlow = 0.9\nhigh = 0.1\n', "below low"),
        ('[[objective]]\nname = "a"\nindicator = "series"\ntarget = 0.9\nlow = 0.9\n', "metric: missing"),
    ],
)
def test_what_does_not_fit_is_named(text: str, words: str) -> None:
    with pytest.raises(InvalidConfig, match=words):
        read(text)
