"""What probes can observe about a service beside the engines."""

from __future__ import annotations

from keepwell.core.metric import Fact, Metric

DECLARED: tuple[Fact | Metric, ...] = (
    Fact(
        name="service.site",
        about="service",
        help="Where a service is, or ought to be",
        shape="mapping kind title name url host port pid unit container state (running stopped unknown) declared "
        "found (process unit container port interface declared) needs (tuple of texts)",
    ),
    Fact(
        name="service.health",
        about="service",
        help="Whether it answers as it should",
        shape="mapping state (well failing silent refused stopped unverified: a certificate of its own) "
        "http_status seconds said",
    ),
    Fact(name="service.version", about="service", help="Release that it reports"),
    Fact(
        name="service.links",
        about="service",
        help="Addresses in its settings that it depends on",
        shape="tuple of mappings setting url host port target (a Ref or empty) reach (yes no unknown) "
        "why (own-loopback loopback-only nothing-listens container-stopped elsewhere refused)",
    ),
    Fact(
        name="service.targets",
        about="service",
        help="What a Prometheus scrapes",
        shape="tuple of mappings job instance url health (up down unknown) error, those that are down first",
    ),
    Fact(
        name="service.datasources",
        about="service",
        help="Data sources of a Grafana",
        shape="tuple of mappings name kind url health (ok error unknown) said",
    ),
    Fact(
        name="service.routes",
        about="service",
        help="Models of a gateway and the backends that they stand for",
        shape="tuple of mappings name model (with its provider's prefix) api_base",
    ),
    Fact(name="service.models", about="service", help="Models that a gateway offers", shape="tuple of names"),
    Fact(
        name="service.interfaces",
        about="service",
        help="Interfaces that a Chroma offers",
        shape="mapping offered (tuple of v1 v2) version",
    ),
    Fact(
        name="service.clients",
        about="service",
        help="Chroma's client packages on the node",
        shape="tuple of mappings package version where pid",
    ),
    Fact(
        name="service.proxied",
        about="service",
        help="Locations of a reverse proxy that hand requests on",
        shape="tuple of mappings server location upstream buffering read_timeout_seconds http_version upgrades "
        "file line",
    ),
)
