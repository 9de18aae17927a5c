"""LiteLLM's proxy: one OpenAI-compatible address in front of many engines."""

from __future__ import annotations

from collections.abc import Sequence

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Value
from keepwell.formats.flags import FlagTable, after_program, parse_flags
from keepwell.formats.model_list import parse_model_list
from keepwell.plugins.ask import Fields, ask_fields
from keepwell.plugins.services import ServiceKind, ServiceSite, Sign, Told, VersionSource
from keepwell.transport.base import Transport

NAME = "service.routes"
_FLAGS = FlagTable(valued={"--config": "--config", "-c": "--config"})


async def ask_routes(site: ServiceSite, transport: Transport) -> Sequence[Told]:
    """service.routes (public name, what is asked of which backend) and service.models (what it offers).

    From /model/info, else from the configuration file that its command names. No request costs tokens: /health,
    which asks every model, is left alone.
    """
    url = f"{site.url}/model/info"
    found = await ask_fields(transport, url, api_key=site.api_key)
    told: list[Told] = [await _offered(site, transport)]
    if not isinstance(found, Missing):
        return [(NAME, tuple(_route(one) for one in found.items("data")), f"GET {url}"), *told]
    path = config_path(site.argv)
    if not path:
        return [(NAME, found, f"GET {url}"), *told]
    try:
        text = (await transport.read(site.root + path)).decode("utf-8", "replace")
    except AccessError:
        return [(NAME, found, f"GET {url}"), *told]
    rows: tuple[Value, ...] = tuple(dict(one) for one in parse_model_list(text))
    return [(NAME, rows, path), *told]


async def _offered(site: ServiceSite, transport: Transport) -> Told:
    url = f"{site.url}/v1/models"
    found = await ask_fields(transport, url, api_key=site.api_key)
    if isinstance(found, Missing):
        return ("service.models", found, f"GET {url}")
    return ("service.models", tuple(one.text("id") for one in found.items("data")), f"GET {url}")


def _route(one: Fields) -> dict[str, Value]:
    inner = one.fields("litellm_params")
    return {"name": one.text("model_name"), "model": inner.text("model"), "api_base": inner.text("api_base")}


def config_path(argv: Sequence[str]) -> str:
    """The configuration file that a command line names, "" unless it is an absolute path."""
    rest = after_program(argv, SERVICE.programs) or ()
    path = parse_flags(rest, _FLAGS).values.get("--config", "")
    return path * path.startswith("/")


SERVICE = ServiceKind(
    title="LiteLLM",
    ports=(4000,),
    signs=(Sign(path="/health/readiness", status=(200, 503), body=r'"litellm_version"|"db":'),),
    programs=("litellm",),
    units=("litellm",),
    images=("berriai/litellm(-database|-non_root)?", "litellm"),
    version=VersionSource(path="/health/readiness", pattern=r'"litellm_version":\s*"([^"]+)"'),
    health=Sign(path="/health/readiness", body=r'"status":\s*"(healthy|connected|ready)"'),
    over_engine=True,
    chain=ask_routes,
)
