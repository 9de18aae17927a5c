"""From what engines tell and the owner wants to proofs, guards, lacks, errands and canaries. All of it is pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from keepwell.app.serving import canaries
from keepwell.app.serving.engine_facts import Known
from keepwell.app.serving.offering import GatewayOptions, make_settings
from keepwell.app.serving.residents import Errand, find_errands, find_pins, find_surplus
from keepwell.app.serving.standing import add_standing
from keepwell.config.gateway_model import GatewayEntry, RouteEntry
from keepwell.config.model import Config
from keepwell.core.observation import absent
from keepwell.gateway.record.state import About, GatewayState, ReplicaState
from keepwell.gateway.settings import Settings, parse_settings, render_settings
from keepwell.plugins.engine import LoadedModel, ModelInfo
from keepwell.plugins.memory_plan import MemoryPlan
from keepwell.plugins.residency import Abilities
from keepwell.plugins.routing import Replica
from keepwell.store.canaries import Answer, Canary

NOW = 1_800_000_000.0
HOUR = 3600.0
RELOADS = ("num_ctx", "num_gpu")


def known(name: str = "box/a", **more: object) -> Known:
    """An engine with two models, one of them in memory, all of it on GPUs."""
    replica = Replica(
        id=name, node="box", host="127.0.0.1", port=1, dialects=frozenset({"openai"}), reloads=RELOADS, canary=True
    )
    made = Known(
        replica=replica,
        well=True,
        models=(ModelInfo(name="m", digest="d1"), ModelInfo(name="n", digest="d2")),
        loaded=(LoadedModel(name="m", size_bytes=100, gpu_bytes=100, expires_at=NOW + 300),),
        digests={"m": "d1"},
    )
    return replace(made, **cast("dict[str, Any]", more))


def settle(*engines: Known, routes: tuple[RouteEntry, ...] = (), **more: object) -> Settings:
    """What the data plane goes by, as it comes out of the file."""
    gateway = GatewayEntry(**cast("dict[str, Any]", more))
    config = Config(routes=routes, gateway=gateway)
    made = make_settings(GatewayOptions(), engines, config)
    canary = {("box/a", "m"): NOW - HOUR}
    settled = add_standing(made, engines, routes, gateway, canary, NOW)
    assert parse_settings(render_settings(settled)) == settled
    return settled


def test_proofs() -> None:
    found = settle(known(), known("box/b", digests={"m": "other"}), known("box/c", loaded=())).standings
    assert (found["box/a"]["m"].proof, found["box/a"]["m"].device) == ("canary", "gpu=100%")
    assert (found["box/b"]["m"].proof, found["box/b"]["m"].digest) == ("said", "other"), "not what its store lists"
    assert (found["box/c"]["m"].proof, found["box/a"]["n"].proof) == ("said", "said"), "not in memory"


def test_another_name_of_the_same_bytes_is_in_memory_too() -> None:
    twin = known(models=(ModelInfo(name="m", digest="d1"), ModelInfo(name="twin", digest="d1"), ModelInfo(name="n")))
    found = settle(twin).standings["box/a"]
    assert (found["twin"].proof, found["twin"].device) == ("verified", "gpu=100%")
    assert found["n"].proof == "said"
    assert errands(twin, pinned="twin")[0].deed == "stay", "it need not be loaded"
    one_file = (ModelInfo(name="m", path="/w"), ModelInfo(name="short", path="/w"), ModelInfo(name="n", path="/v"))
    served = settle(known(models=one_file, digests={})).standings["box/a"]
    assert [served[name].proof for name in ("short", "n")] == ["verified", "said"], "two names that it is served under"


def test_a_plan_stands_beside_what_is_reported() -> None:
    plan = MemoryPlan(weight_bytes=60, cache_bytes=20, compute_bytes=10)
    standing = settle(known(plans={"m": plan})).standings["box/a"]["m"]
    assert (standing.planned_bytes, standing.reported_bytes) == (90, 100)
    untold = LoadedModel(name="m", size_bytes=100, gpu_bytes=absent("not told"))
    standing = settle(known(loaded=(untold,))).standings["box/a"]["m"]
    assert (standing.device, standing.reported_bytes) == ("", 0), "the size of a file is no memory"


def test_only_on_gpus() -> None:
    half = LoadedModel(name="m", size_bytes=100, gpu_bytes=50)
    engines = (known(), known("box/b", loaded=(half,)), known("box/c", loaded=()))
    (route,) = [one for one in settle(*engines, routes=(RouteEntry(name="m", gpu=True),)).routes if one.name == "m"]
    assert set(route.replicas) == {"box/a", "box/c"}, "where it is not in memory nobody knows yet"
    assert route.out["box/b"] == "has m on GPUs to 50% only"


def test_guards_and_lacks() -> None:
    blind = {"m": Abilities(cannot=frozenset({"vision"}), context_tokens=2048)}
    routes = (RouteEntry(name="m", pinned=True, options={"num_ctx": 8192, "unknown": 1}),)
    found = settle(known(abilities=blind), routes=routes)
    assert found.guards["m"].wished == {"num_ctx": b"8192"}, "other options are no business of the guard"
    assert found.guards["m"].stay == b"-1"
    assert found.guards["n"].policy == "normalise"
    assert found.shortages["m"].lacks == {"box/a": {"vision"}}
    assert "n" not in found.shortages
    assert any("loads a model by unknown" in one for one in found.gaps)
    free = settle(known(), reload_options="allow")
    assert free.guards == {}


def errands(*engines: Known, state: GatewayState | None = None, unload: float = 0.0, pinned: str = "") -> list[Errand]:
    """What is to be done."""
    settings = settle(*engines)
    pins = find_pins(settings.routes, {pinned: {"num_ctx": 4096}} if pinned else {})
    return list(find_errands(engines, pins, state, unload, NOW))


def idle(running: int = 0, **seconds: float) -> GatewayState:
    """What the gateway tells of its work."""
    row = ReplicaState(replica="box/a", node="box", running=running, idle_seconds=seconds)
    return GatewayState(plane=About(), replicas=(row,))


def test_a_pinned_model_is_loaded_once_and_told_to_stay() -> None:
    (load,) = errands(known(loaded=()), pinned="n")
    assert (load.replica, load.model, load.deed, load.options) == ("box/a", "n", "load", {"num_ctx": 4096})
    (stay,) = errands(known(), pinned="m")
    assert stay.deed == "stay"
    kept = LoadedModel(name="m", size_bytes=1, gpu_bytes=1, expires_at=NOW + 200 * 365 * 86400)
    assert errands(known(loaded=(kept,)), pinned="m") == []
    assert errands(known(loaded=(), well=False), pinned="n") == [], "an engine that does not answer is left alone"
    row = ReplicaState(replica="box/a", node="box", cordoned="maintenance")
    assert errands(known(loaded=()), state=GatewayState(plane=About(), replicas=(row,)), pinned="n") == []


def test_no_more_is_loaded_than_an_engine_holds() -> None:
    one = known(loaded=())
    small = replace(one, replica=replace(one.replica, holds=1))
    pins = find_pins(settle(small).routes, {"m": {}, "n": {}})
    assert len(list(find_errands([small], pins, None, 0.0, NOW))) == 1
    assert list(find_surplus([small], pins)) == ["box/a: 2 models are pinned, and it holds 1"]


@pytest.mark.parametrize(
    ("state", "gone"),
    [(idle(m=700.0), 1), (idle(m=500.0), 0), (idle(), 0), (idle(1, m=700.0), 0), (None, 0)],
    ids=["idle", "used", "never used here", "busy", "nobody tells"],
)
def test_a_model_that_nobody_asks_for_leaves(state: GatewayState | None, gone: int) -> None:
    found = errands(known(), state=state, unload=600.0)
    assert [one.deed for one in found] == ["unload"] * gone
    assert errands(known(), state=state, unload=600.0, pinned="m")[:1] != found or not gone, "a pinned one stays"


ALPHA = Answer(at=NOW, text=" alpha 0001", logprobs=(-0.1, -0.2), made_of="d1")
DUE = canaries.Due(replica="box/a", model="m", made_of="d1", loaded=known().loaded[0])


def after(*answers: Answer) -> Canary:
    """What is known after these answers."""
    found: Canary | None = None
    for one in answers:
        found = canaries.compare(found, DUE, one, nonsense=False)
    assert found is not None
    return found


def test_the_same_answer_is_a_proof_the_second_time() -> None:
    assert canaries.find_proofs({("box/a", "m"): after(ALPHA)}) == {}
    again = replace(ALPHA, at=NOW + HOUR, logprobs=(-0.11, -0.19))
    assert canaries.find_proofs({("box/a", "m"): after(ALPHA, again)}) == {("box/a", "m"): NOW + HOUR}


@pytest.mark.parametrize("other", [replace(ALPHA, text=" bravo"), replace(ALPHA, logprobs=(-0.1, -0.9))])
def test_another_answer_is_told_until_it_is_the_known_one(other: Answer) -> None:
    found = after(ALPHA, ALPHA, replace(other, at=NOW + HOUR))
    assert (found.other_since, found.known) == (NOW + HOUR, ALPHA)
    assert canaries.find_proofs({("box/a", "m"): found}) == {}
    assert "answers differently than before" in next(canaries.describe(found))
    assert after(ALPHA, replace(other, at=NOW + HOUR), replace(ALPHA, at=NOW + 2 * HOUR)).other_since == 0
    later = replace(other, at=NOW + 8 * 24 * HOUR)
    assert after(ALPHA, replace(other, at=NOW), later).known == later


def test_who_is_asked() -> None:
    opted, none = frozenset({"box/a"}), dict[tuple[str, str], Canary]()
    assert [one.model for one in canaries.find_due([known()], opted, none, idle(), HOUR, NOW)] == ["m"]
    assert list(canaries.find_due([known()], frozenset(), none, idle(), HOUR, NOW)) == []
    assert list(canaries.find_due([known()], opted, none, idle(1), HOUR, NOW)) == [], "it has work"
    assert list(canaries.find_due([known()], opted, none, None, HOUR, NOW)) == [], "nobody knows whether it has work"
    assert list(canaries.find_due([known(loaded=())], opted, none, idle(), HOUR, NOW)) == [], "nothing is loaded for it"
    asked = {("box/a", "m"): after(replace(ALPHA, at=NOW - 60))}
    assert list(canaries.find_due([known()], opted, asked, idle(), HOUR, NOW)) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"choices":[{"logprobs":{"content":[{"logprob":-0.5},{"logprob":-1}]}}]}', (-0.5, -1.0)),
        (b'{"choices":[{"logprobs":{"token_logprobs":[null,-0.25]}}]}', (-0.25,)),
        (b'{"response":"x","logprobs":[{"token":"x","logprob":-2.0}]}', (-2.0,)),
        (b'{"response":"x"}', ()),
        (b"[]", ()),
        (b"{", ()),
    ],
)
def test_probabilities_in_every_form(body: bytes, found: tuple[float, ...]) -> None:
    assert canaries.find_logprobs(body) == found
