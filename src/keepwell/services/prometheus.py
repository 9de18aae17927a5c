"""Prometheus: metrics, and which of its targets it cannot reach."""

from __future__ import annotations

from collections.abc import Sequence

from keepwell.core.observation import Missing, Value
from keepwell.plugins.ask import Fields, ask_fields
from keepwell.plugins.services import ServiceKind, ServiceSite, Sign, Told, VersionSource
from keepwell.transport.base import Transport

#: Targets that are told: a large installation has thousands, and those that are down come first.
TARGETS = 200


async def ask_targets(site: ServiceSite, transport: Transport) -> Sequence[Told]:
    """service.targets, by one GET of the active targets."""
    url = f"{site.url}/api/v1/targets?state=active"
    found = await ask_fields(transport, url, api_key=site.api_key)
    if isinstance(found, Missing):
        return [("service.targets", found, f"GET {url}")]
    rows = [_target(one) for one in found.fields("data").items("activeTargets")]
    rows.sort(key=_up)
    return [("service.targets", tuple(rows[:TARGETS]), f"GET {url}")]


def _target(one: Fields) -> dict[str, Value]:
    labels = one.fields("labels")
    return {
        "job": labels.text("job") or one.text("scrapePool"),
        "instance": labels.text("instance"),
        "url": one.text("scrapeUrl"),
        "health": one.text("health"),
        "error": one.text("lastError")[:300],
    }


def _up(row: dict[str, Value]) -> bool:
    return row["health"] != "down"


SERVICE = ServiceKind(
    title="Prometheus",
    ports=(9090,),
    signs=(Sign(path="/-/healthy", body=r"^Prometheus( Server)? is Healthy"),),
    programs=("prometheus",),
    units=("prometheus",),
    images=("prom/prometheus", "prometheus/prometheus"),
    health=Sign(path="/-/ready"),
    version=VersionSource(path="/api/v1/status/buildinfo", pattern=r'"version":\s*"([^"]+)"'),
    chain=ask_targets,
)
