"""The sections of keepwell.toml that are for the gateway; see `schema`."""

from __future__ import annotations

from keepwell.config import gateway_shapes, shapes
from keepwell.config.gateway_model import GatewayEntry, ReservationEntry, RouteEntry
from keepwell.config.sections import Key, Section

_GATEWAY = (
    Key(
        name="listen",
        shape=gateway_shapes.listens,
        help="IP address and port, or several: 11434 is where Ollama's clients ask; the usual one is 127.0.0.1:4000",
    ),
    Key(
        name="offer",
        shape=shapes.one_of("all", "routes"),
        help="all: each model under its own name, and the routes; routes: these alone",
    ),
    Key(name="hosts", shape=shapes.texts, help="names by which clients call it; addresses need none"),
    Key(
        name="origins", shape=shapes.origins, help="web pages whose scripts may ask, as a browser writes their address"
    ),
    Key(name="certificate", shape=shapes.path, help="file with the certificate (PEM); then it speaks TLS"),
    Key(name="private_key", shape=shapes.path, help="file with the certificate's private key (PEM)"),
    Key(
        name="connect",
        shape=shapes.duration,
        field="connect_seconds",
        help="longest wait for a connection to an engine",
    ),
    Key(
        name="first_byte",
        shape=shapes.duration,
        field="first_byte_seconds",
        help="longest wait for the first byte of an answer",
    ),
    Key(
        name="cold_first_byte",
        shape=shapes.duration,
        field="cold_first_byte_seconds",
        help="the same where the model has to be loaded first",
    ),
    Key(name="between", shape=shapes.duration, field="between_seconds", help="longest wait between two bytes of one"),
    Key(name="total", shape=shapes.duration, field="total_seconds", help="longest time for a whole answer"),
    Key(name="max_body", shape=gateway_shapes.size, field="max_body_bytes", help="largest request"),
    Key(name="waiting", shape=gateway_shapes.count_or_none, help="requests that may wait for one route"),
    Key(name="wait", shape=shapes.duration, field="wait_seconds", help="longest time that one waits"),
    Key(
        name="policy",
        shape=gateway_shapes.one_or_more,
        choice="policy",
        help="how replicas are chosen, first rule first",
    ),
    Key(name="energy", shape=shapes.flag, help="read what GPUs draw, so that the record has each request's energy"),
    Key(name="tariff", shape=shapes.positive, help="price of a kilowatt-hour, for the cost of each request"),
    Key(name="bodies_kept", shape=shapes.duration, field="bodies_seconds", help="how long bodies are kept"),
    Key(
        name="reload_options",
        shape=shapes.one_of("normalise", "refuse", "allow"),
        help="options that would load a model anew: one value for all clients, an error, or as the client wants",
    ),
    Key(
        name="unload_after",
        shape=shapes.duration,
        field="unload_seconds",
        help="models that are not pinned leave memory after so long without a request; left out, when the engine wants",
    ),
    Key(
        name="residency",
        shape=shapes.duration,
        field="residency_seconds",
        help="a model that was loaded stays so long before another takes its place",
    ),
    Key(
        name="on_mismatch",
        shape=shapes.one_of("tell", "error"),
        help="another model answered than was asked: say so in a header, or give an error",
    ),
    Key(
        name="canary_every",
        shape=shapes.duration,
        field="canary_seconds",
        help="time between two looks at what engines with canary answer",
    ),
)

_ROUTE = (
    Key(name="name", shape=shapes.text, required=True, help="the model's name for clients; may hold * for anything"),
    Key(name="aliases", shape=gateway_shapes.one_or_more, help="further names; may hold * for anything"),
    Key(
        name="model",
        shape=gateway_shapes.one_or_more,
        field="models",
        help="its name at the engines, or several: the first that an engine has; left out, the route's name",
    ),
    Key(name="engines", shape=gateway_shapes.one_or_more, help="who may answer: names of engines, or nodes"),
    Key(name="tags", shape=gateway_shapes.one_or_more, help="only engines that have all of these tags"),
    Key(
        name="policy",
        shape=gateway_shapes.one_or_more,
        choice="policy",
        help="how replicas are chosen, first rule first",
    ),
    Key(name="fallback", shape=shapes.text, help="the route or model that answers when nobody of this one can"),
    Key(name="default", shape=shapes.flag, help="it also takes every name that nobody has"),
    Key(name="waiting", shape=gateway_shapes.count_or_none, help="requests that may wait for it"),
    Key(name="wait", shape=shapes.duration, field="wait_seconds", help="longest time that one waits"),
    Key(
        name="priority",
        shape=shapes.one_of("interactive", "normal", "batch"),
        help="its requests' place in a queue, instead of their key's",
    ),
    Key(name="bodies", shape=shapes.flag, help="keep what is asked and answered, without names and secrets"),
    Key(name="comments", shape=shapes.flag, help="keep a waiting stream open with comments; its status is then 200"),
    Key(name="gpu", shape=shapes.flag, help="only engines that have all of the model on GPUs, where it is in memory"),
    Key(name="pinned", shape=shapes.flag, help="the model is loaded beforehand and stays in memory"),
    Key(
        name="options",
        shape=gateway_shapes.options,
        help="values for every client of options with which the model is loaded: {num_ctx = 8192}",
    ),
)

_RESERVATION = (
    Key(name="engines", shape=gateway_shapes.one_or_more, required=True, help="names of engines, or nodes"),
    Key(name="keys", shape=gateway_shapes.one_or_more, required=True, help="names of the keys that have them"),
    Key(
        name="from",
        shape=gateway_shapes.moment,
        field="begin",
        required=True,
        help='when it begins: "22:00", or a moment like 2027-01-31T22:00:00',
    ),
    Key(name="to", shape=gateway_shapes.moment, field="end", required=True, help="when it ends, written like from"),
    Key(name="days", shape=gateway_shapes.days, help="the days it begins on, mon to sun; every day if left out"),
    Key(name="why", shape=shapes.text, help="what others are told"),
)

GATEWAY_SECTIONS: tuple[Section, ...] = (
    Section(
        name="gateway",
        several=False,
        help="One address for every model.",
        entry=GatewayEntry,
        field="gateway",
        keys=_GATEWAY,
    ),
    Section(
        name="route",
        several=True,
        help="A model's name for clients, and who answers for it. Models that engines have need none.",
        entry=RouteEntry,
        field="routes",
        keys=_ROUTE,
        distinct=("name",),
    ),
    Section(
        name="reservation",
        several=True,
        help="Engines that some keys have to themselves for a time.",
        entry=ReservationEntry,
        field="reservations",
        keys=_RESERVATION,
    ),
)
