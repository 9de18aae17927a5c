"""Prometheus' node exporter: a node's own numbers, for nodes that nothing of ours reaches."""

from __future__ import annotations

from pathlib import Path

from keepwell.plugins.alias_table import load_alias_table
from keepwell.plugins.page_numbers import PageNumbers
from keepwell.plugins.page_teller import PageTeller
from keepwell.plugins.services import ServiceKind, ServiceSite, Sign, VersionSource

_NUMBERS = Path(__file__).with_suffix(".toml")
#: Seconds between two questions: reading all of a node takes the exporter some 16 ms of a core.
ASK_SECONDS = 5.0


def open_numbers(site: ServiceSite, node: str) -> PageTeller:
    """Its page, about this node."""
    numbers = PageNumbers(load_alias_table(_NUMBERS), f"node:{node}", node)
    return PageTeller(f"{site.url}/metrics", numbers, api_key=site.api_key, every_seconds=ASK_SECONDS)


SERVICE = ServiceKind(
    title="node exporter",
    ports=(9100,),
    signs=(Sign(path="/", body=r"<title>Node Exporter</title>"),),
    programs=("node_exporter", "prometheus-node-exporter"),
    units=("node_exporter", "node-exporter", "prometheus-node-exporter"),
    images=("prom/node-exporter", "prometheus/node-exporter"),
    version=VersionSource(path="/", pattern=r"version=([0-9][\w.+-]*)"),
    numbers=open_numbers,
)
