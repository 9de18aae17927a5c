"""The DCGM exporter: numbers of GPUs, for nodes that nothing of ours reaches."""

from __future__ import annotations

from pathlib import Path

from keepwell.plugins.alias_table import load_alias_table
from keepwell.plugins.page_numbers import PageNumbers
from keepwell.plugins.page_teller import PageTeller
from keepwell.plugins.services import ServiceKind, ServiceSite, Sign

_NUMBERS = Path(__file__).with_suffix(".toml")
#: Seconds between two questions: it reads its devices every 30 s unless told otherwise.
ASK_SECONDS = 15.0


def open_numbers(site: ServiceSite, node: str) -> PageTeller:
    """Its page, about the devices of this node."""
    numbers = PageNumbers(load_alias_table(_NUMBERS), f"node:{node}", node)
    return PageTeller(f"{site.url}/metrics", numbers, api_key=site.api_key, every_seconds=ASK_SECONDS)


SERVICE = ServiceKind(
    title="DCGM exporter",
    ports=(9400,),
    signs=(Sign(path="/", body=r"<title>GPU Exporter</title>"),),
    programs=("dcgm-exporter",),
    units=("dcgm-exporter",),
    images=("dcgm-exporter",),
    numbers=open_numbers,
)
