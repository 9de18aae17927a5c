"""What the hub's page tells of itself."""

from __future__ import annotations

from keepwell.metrics.pages.shown import Shown

HUB_PAGE: tuple[Shown, ...] = (
    Shown(name="build_info", help="The release that wrote this page; always 1", labels=("version",)),
    Shown(name="page_series", help="Series on this page"),
    Shown(
        name="page_series_left_out",
        help="Series that are not on this page, by why: no number now, not read for a while, not declared, about a "
        "process, there under the same labels already, or over the limit",
        labels=("reason",),
    ),
)
