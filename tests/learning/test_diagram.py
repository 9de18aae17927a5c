"""The reliability diagram as SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from keepwell.learning.diagram import draw_reliability
from keepwell.learning.measure import make_bins

SPACE = "{http://www.w3.org/2000/svg}"


def test_a_disc_for_each_bin_and_nothing_from_elsewhere() -> None:
    bins = make_bins([(0.95, True), (0.92, True), (0.93, False), (0.35, False)])
    text = draw_reliability(bins, "made <of> 4")
    root = ET.fromstring(text)
    assert len(root.findall(f"{SPACE}circle")) == 2
    assert root.find(f"{SPACE}title") is not None
    assert "made &lt;of&gt; 4" in text
    assert "href" not in text


def test_no_answers_draw_the_scales_alone() -> None:
    root = ET.fromstring(draw_reliability((), "none"))
    assert not root.findall(f"{SPACE}circle")
    assert root.findall(f"{SPACE}line")
