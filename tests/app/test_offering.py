"""From what engines tell and keepwell.toml says to the data plane's settings. Pure."""

from __future__ import annotations

import pytest

from keepwell.app.serving.engine_facts import Known
from keepwell.app.serving.offering import GatewayOptions, describe, find_listens, make_settings, require_safe
from keepwell.config import Config, EngineEntry, GatewayEntry, ReservationEntry, RouteEntry
from keepwell.core.errors import ConfigurationError
from keepwell.gateway.settings import parse_settings, render_settings
from keepwell.plugins.engine import ModelInfo
from keepwell.plugins.routing import Replica

HERE = GatewayOptions(here="box")


def known(name: str, port: int, *models: str) -> Known:
    replica = Replica(
        id=name, node=name.partition("/")[0], host="127.0.0.1", port=port, dialects=frozenset({"openai"}), limit=2
    )
    return Known(replica=replica, well=True, models=tuple(ModelInfo(name=one) for one in models))


def test_what_the_owner_says_of_an_engine_is_found_by_its_node_and_port() -> None:
    entries = (
        EngineEntry(kind="k", url="http://localhost:8080", name="mine", tags=("fast",), limit=7, weight=3.0),
        EngineEntry(kind="k", url="http://10.0.0.1:8080", node="gpu01", tags=("far",)),
    )
    config = Config(engines=entries, routes=(RouteEntry(name="m", engines=("mine",)),))
    settings = make_settings(HERE, [known("box/a", 8080, "m"), known("gpu01/b", 8080, "m")], config)
    mine, far = settings.replicas
    assert (mine.limit, mine.weight, mine.tags) == (7, 3.0, frozenset({"fast"}))
    assert (far.limit, far.weight, far.tags) == (2, 1.0, frozenset({"far"}))
    assert settings.routes[0].replicas == {"box/a": "m"}
    assert settings.well == ("box/a", "gpu01/b")


def test_settings_come_back_from_their_file_as_they_were() -> None:
    config = Config(
        gateway=GatewayEntry(listen=("127.0.0.1:1", "[::1]:2"), hosts=("llm.lan",), first_byte_seconds=9.0),
        routes=(RouteEntry(name="m", aliases=("x", "y-*"), default=True), RouteEntry(name="gone", fallback="m")),
    )
    settings = make_settings(HERE, [known("box/a", 8080, "m")], config)
    assert parse_settings(render_settings(settings)) == settings
    assert (settings.host, settings.port, settings.more) == ("127.0.0.1", 1, (("::1", 2),))
    assert (settings.hosts, settings.first_byte_seconds, settings.default) == (("llm.lan",), 9.0, "m")
    assert not settings.key_required
    lines = list(describe(settings))
    assert "  m  on box/a  (also x, y-*)" in lines
    assert lines[-1].startswith("route gone: nobody can answer")


def test_a_reservation_is_of_the_replicas_that_its_names_mean() -> None:
    entries = (EngineEntry(kind="k", url="http://localhost:8080", name="mine"),)
    reserved = ReservationEntry(engines=("mine", "gpu01"), keys=("ada",), begin="22:00", end="06:00")
    config = Config(engines=entries, reservations=(reserved,))
    engines = [known("box/a", 8080, "m"), known("gpu01/b", 1, "m"), known("gpu02/c", 1, "m")]
    (made,) = make_settings(HERE, engines, config).reservations
    assert (made.replicas, made.keys, made.begin, made.end) == (("box/a", "gpu01/b"), ("ada",), "22:00", "06:00")


def test_the_command_counts_before_the_file_and_the_file_before_the_usual() -> None:
    config = Config(gateway=GatewayEntry(listen=("127.0.0.1:7",)))
    assert find_listens(GatewayOptions(listen=("[::]:1", "0.0.0.0:2")), config) == (("::", 1), ("0.0.0.0", 2))
    assert find_listens(GatewayOptions(), config) == (("127.0.0.1", 7),)
    assert find_listens(GatewayOptions(), Config()) == (("127.0.0.1", 4000),)


@pytest.mark.parametrize("written", ["localhost:1", "127.0.0.1", "127.0.0.1:0", ":4000", "127.0.0.1:99999"])
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError):
        find_listens(GatewayOptions(listen=(written,)), Config())


def test_any_address_that_others_reach_needs_a_key() -> None:
    config = Config(gateway=GatewayEntry(listen=("127.0.0.1:1", "0.0.0.0:2")))
    with pytest.raises(ConfigurationError, match="no key"):
        require_safe(GatewayOptions(), config, keyed=False)
    require_safe(GatewayOptions(), config, keyed=True)
    require_safe(GatewayOptions(insecure=True), config, keyed=False)
    assert make_settings(HERE, [], config).key_required
