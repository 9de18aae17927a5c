"""What clients are told of a model that several engines have: pure, from what each of them tells."""

from __future__ import annotations

from keepwell.app.serving.engine_facts import Known, merge
from keepwell.app.serving.offering import GatewayOptions, make_settings
from keepwell.app.serving.route_table import Stock, make_routes
from keepwell.config import Config
from keepwell.config.gateway_model import GatewayEntry, RouteEntry
from keepwell.gateway.settings import parse_settings, render_settings
from keepwell.plugins.dialect import Offered
from keepwell.plugins.engine import LoadedModel, ModelInfo
from keepwell.plugins.model_facts import ModelFacts
from keepwell.plugins.residency import Abilities
from keepwell.plugins.routing import Replica

FILE = ModelFacts(format="gguf", family="qwen3", usual_tokens=8192, trained_tokens=40960, size_bytes=5)
CHAT = Abilities(can=frozenset({"chat", "tools"}), cannot=frozenset({"embed", "vision"}))
SEES = Abilities(can=frozenset({"chat", "vision"}), cannot=frozenset({"embed"}))


def stock(name: str, model: ModelInfo, *, able: Abilities, facts: ModelFacts, held: int = 0) -> Stock:
    replica = Replica(id=name, node="box", host="h", port=1, dialects=frozenset({"openai"}))
    loaded = [LoadedModel(name=model.name, size_bytes=1, gpu_bytes=1, context_tokens=one) for one in [held] if one]
    return Stock(
        replica=replica,
        models=(model,),
        loaded=tuple(loaded),
        abilities={model.name: able},
        facts={model.name: facts},
    )


def offer(*stocks: Stock) -> Offered:
    entry = RouteEntry(name="chat", models=("a", "b"))
    (found,) = (one for one in make_routes(stocks, [entry], GatewayEntry()).offered if one.name == "chat")
    return found


def test_facts_are_of_one_engine_and_abilities_of_all() -> None:
    bare = stock("box/0", ModelInfo(name="a"), able=SEES, facts=ModelFacts())
    told = stock("box/1", ModelInfo(name="b"), able=CHAT, facts=FILE)
    found = offer(bare, told)
    assert found.facts == FILE
    assert (found.can, found.cannot) == (("chat", "tools", "vision"), ("embed",))
    assert found.size_bytes == 5
    assert offer(bare).facts == ModelFacts()


def test_the_context_is_what_a_request_has_room_for() -> None:
    model = ModelInfo(name="a", context_tokens=999)
    assert offer(stock("box/0", model, able=CHAT, facts=ModelFacts(), held=2048)).context_tokens == 2048
    assert offer(stock("box/0", model, able=CHAT, facts=FILE)).context_tokens == 8192
    assert offer(stock("box/0", model, able=CHAT, facts=ModelFacts())).context_tokens == 999
    unknown = stock("box/0", ModelInfo(name="a"), able=CHAT, facts=ModelFacts(trained_tokens=7))
    assert offer(unknown).context_tokens == 0
    least = [stock("box/0", model, able=CHAT, facts=FILE), stock("box/1", model, able=CHAT, facts=FILE, held=512)]
    assert offer(*least).context_tokens == 512


def test_facts_come_through_the_settings_and_outlast_a_look_without_an_answer() -> None:
    replica = Replica(id="box/a", node="box", host="127.0.0.1", port=1, dialects=frozenset({"openai"}))
    known = Known(replica=replica, well=True, models=(ModelInfo(name="m"),), abilities={"m": CHAT}, facts={"m": FILE})
    kept = merge({"box/a": known}, [Known(replica=replica)])["box/a"]
    assert kept.facts == {"m": FILE}
    settings = make_settings(GatewayOptions(here="box"), [kept], Config())
    assert parse_settings(render_settings(settings)) == settings
    assert (settings.offered[0].facts, settings.offered[0].can) == (FILE, ("chat", "tools"))
