"""keepwell about itself: does it collect, keep, judge and send, and what does that cost."""

from __future__ import annotations

from keepwell.export.board import Board, Row, line, tile

_RATE = "$__rate_interval"

BOARD = Board(
    uid="keepwell-hub",
    title="keepwell / itself",
    help="Whether keepwell collects, keeps and sends, and what that costs.",
    rows=(
        Row(
            title="Now",
            panels=(
                tile("Series in memory", "sum(keepwell_hub_series)"),
                tile("Series on the page", "sum(keepwell_page_series)"),
                tile("Over the page's limit", 'sum(keepwell_page_series_left_out{reason="cap"})'),
                tile("Collectors that fail", "count(keepwell_collector_up == 0) or vector(0)"),
                tile("Duties that fail", "count(keepwell_hub_duty_up == 0) or vector(0)"),
                tile("Messages that wait", "sum(keepwell_hub_sink_waiting) or vector(0)"),
            ),
        ),
        Row(
            title="Collecting",
            panels=(
                line(
                    "Slowest collectors",
                    "topk(10, keepwell_collector_duration_seconds)",
                    "{{node}} {{collector}}",
                    "s",
                ),
                line("Duties", "keepwell_hub_duty_seconds", "{{duty}}", "s"),
                line(
                    "Series left out, by why",
                    "sum by (reason) (keepwell_page_series_left_out)",
                    "{{reason}}",
                ),
                line("Clocks ahead of the hub's", "keepwell_hub_clock_offset_seconds", "{{node}}", "s"),
            ),
        ),
        Row(
            title="Keeping and sending",
            panels=(
                line("Requests kept", f"rate(keepwell_hub_requests_logged_total[{_RATE}])", "a second", "reqps"),
                line("Write-ahead log", "keepwell_hub_request_log_wal_bytes", "bytes", "bytes"),
                line(
                    "Messages to receivers",
                    f"sum by (sink, outcome) (rate(keepwell_hub_sink_messages_total[{_RATE}]))",
                    "{{sink}} {{outcome}}",
                ),
                line("Bytes that wait", "keepwell_hub_sink_waiting_bytes", "{{sink}}", "bytes"),
            ),
        ),
    ),
)
