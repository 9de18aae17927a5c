"""Asks engines whether what a plan promised of them is true; loads and changes nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from keepwell.config.model import Config
from keepwell.config.secret import load_secret
from keepwell.conform.execute import Recheck
from keepwell.core.clock import Clock
from keepwell.core.errors import AccessError, EngineError
from keepwell.core.finding import Finding, Status
from keepwell.core.model_name import same_model
from keepwell.core.observation import Missing, absent
from keepwell.core.ref import Ref
from keepwell.core.step import Plan, Serving
from keepwell.plugins.engine import Engine, Identity, ListsModels
from keepwell.plugins.place import Site
from keepwell.plugins.recognise import load_engines
from keepwell.transport.base import Transport

#: Seconds between two questions while an engine starts.
LOOK_SECONDS = 0.2
#: Seconds for one question: an engine that is well answers within milliseconds.
ASK_SECONDS = 5.0


def recheck_serving(plan: Plan, transport: Transport, clock: Clock, config: Config) -> Recheck:
    """Asks what the plan has to prove; the first time it waits as long as the plan gives engines to start."""
    waits = [one.wait_seconds for one in plan.proof]

    async def ask() -> Finding | None:
        until = clock.monotonic() + max(waits, default=0.0)
        waits.clear()
        while True:
            problems = [await find_problem(one, plan.subject, transport, config) for one in plan.proof]
            said = "; ".join(one for one in problems if one)
            if not said or clock.monotonic() >= until:
                return _finding(plan, said)
            await asyncio.sleep(LOOK_SECONDS)

    return ask


async def find_problem(promise: Serving, subject: Ref, transport: Transport, config: Config) -> str:
    """What is not as promised, "" if all is."""
    engine = load_engines().get(promise.kind)
    if engine is None:
        return f"no engine of the kind {promise.kind!r} is known"
    key = find_key(config, promise.url)
    identity: Identity | Missing = Identity(version=promise.release, proof="the gateway answers for it")
    if not promise.fronted:
        identity = await _detect(engine, promise.url, transport, key)
    if not promise.answers:
        return f"{engine.title} still answers at {promise.url}" * (not isinstance(identity, Missing))
    if isinstance(identity, Missing):
        return f"{engine.title} does not answer at {promise.url}: {identity.reason}"
    if promise.release and identity.version != promise.release:
        return f"{engine.title} at {promise.url} is {identity.version}, not {promise.release}"
    site = Site(ref=subject, engine=promise.kind, url=promise.url, process=absent("not looked for"), api_key=key)
    health = await engine.health(site, transport)
    if health.state != "well":
        return f"{engine.title} at {promise.url} is {health.state}: {health.said}"
    lacking = await _find_lacking(promise, engine, site, transport)
    return f"{engine.title} at {promise.url} {lacking}" * bool(lacking)


def find_key(config: Config, url: str) -> str:
    """The API key of the engine that is declared at this address, "" if none is."""
    secrets: Mapping[str, str] = {
        one.url: load_secret(one.api_key, os.environ) for one in config.engines if one.url == url
    }
    return secrets.get(url, "")


async def _detect(engine: Engine, url: str, transport: Transport, key: str) -> Identity | Missing:
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await engine.detect(url, transport, api_key=key)
    except TimeoutError:
        return absent(f"no answer within {ASK_SECONDS:g} s")
    except (AccessError, EngineError) as error:
        return absent(str(error))


async def _find_lacking(promise: Serving, engine: Engine, site: Site, transport: Transport) -> str:
    if not promise.models or not isinstance(engine, ListsModels):
        return ""
    offered = await engine.models(site, transport)
    if isinstance(offered, Missing):
        return f"does not tell its models: {offered.reason}"
    lacking = sorted(one for one in promise.models if not any(same_model(one, each.name) for each in offered))
    return f"lacks {', '.join(lacking)}" * bool(lacking)


def _finding(plan: Plan, said: str) -> Finding:
    status = {True: Status.CRITICAL, False: Status.OK}[bool(said)]
    return Finding(check=plan.check, subject=plan.subject, status=status, message=said or "all is as promised")
