"""What the gateway's own page tells; the gateway counts it by itself, in its own process."""

from __future__ import annotations

from keepwell.core.metric import Unit
from keepwell.metrics.pages.shown import Shown

_ROUTE = ("route",)
_REPLICA = ("replica",)
_KEY = ("key", "limit")

GATEWAY_PAGE: tuple[Shown, ...] = (
    Shown(
        name="gateway_requests_total",
        help="Requests that are over",
        kind="counter",
        unit=Unit.TOTAL,
        labels=("route", "replica", "outcome"),
    ),
    Shown(
        name="gateway_tokens_total",
        help="Tokens as engines counted them",
        kind="counter",
        unit=Unit.TOTAL,
        labels=("route", "kind"),
    ),
    Shown(name="gateway_retries_total", help="Further tries", kind="counter", unit=Unit.TOTAL, labels=_ROUTE),
    Shown(
        name="gateway_options_changed_total",
        help="Options of requests that would have loaded a model anew, set right",
        kind="counter",
        unit=Unit.TOTAL,
        labels=_ROUTE,
    ),
    Shown(
        name="gateway_answers_total",
        help="Answers that name a model, by how well it is known who gave them",
        kind="counter",
        unit=Unit.TOTAL,
        labels=("replica", "proof"),
    ),
    Shown(name="gateway_record_lost_total", help="Requests not recorded", kind="counter", unit=Unit.TOTAL),
    Shown(name="gateway_record_unwritten", help="Rows that wait to be written"),
    Shown(name="gateway_requests_running", help="Requests that a replica works on", labels=_REPLICA),
    Shown(name="gateway_replica_limit", help="Requests that a replica works on at once", labels=_REPLICA),
    Shown(
        name="gateway_replica_breaker",
        help="1 for the state that the replica's breaker is in",
        labels=("replica", "state"),
    ),
    Shown(name="gateway_replica_out", help="1 if the replica gets no request now", labels=_REPLICA),
    Shown(name="gateway_requests_waiting", help="Requests that wait for a replica", labels=_ROUTE),
    Shown(
        name="gateway_refused_total",
        help="Requests that were not begun",
        kind="counter",
        unit=Unit.TOTAL,
        labels=("reason",),
    ),
    Shown(name="gateway_client_connections", help="Connections of clients"),
    Shown(name="gateway_key_limit", help="What a key may use", labels=_KEY),
    Shown(name="gateway_key_used", help="What of it a key has used", labels=_KEY),
    Shown(
        name="gateway_request_queue_time_seconds",
        help="Time until a replica was free",
        kind="histogram",
        unit=Unit.SECONDS,
        labels=_ROUTE,
    ),
    Shown(
        name="gateway_time_to_first_token_seconds",
        help="Time from the request to the first byte of its answer",
        kind="histogram",
        unit=Unit.SECONDS,
        labels=_ROUTE,
    ),
    Shown(
        name="gateway_request_time_per_output_token_seconds",
        help="Mean time for each output token after the first, by stream",
        kind="histogram",
        unit=Unit.SECONDS,
        labels=_ROUTE,
    ),
    Shown(
        name="gateway_inter_token_latency_seconds",
        help="Time between two parts of a stream",
        kind="histogram",
        unit=Unit.SECONDS,
        labels=_ROUTE,
    ),
    Shown(
        name="gateway_e2e_request_latency_seconds",
        help="Time from the request to the end of its answer",
        kind="histogram",
        unit=Unit.SECONDS,
        labels=_ROUTE,
    ),
)
