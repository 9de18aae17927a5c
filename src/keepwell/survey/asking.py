"""Asks addresses which engine answers there: all plug-ins at once, within a short time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter

from keepwell.core.errors import AccessError, EngineError, TooLarge
from keepwell.core.observation import Missing, failed
from keepwell.plugins.engine import Engine, Identity
from keepwell.survey.hearing import Address
from keepwell.transport.base import Transport

#: Seconds for all that one plug-in asks at one address: an engine answers in milliseconds unless it hangs.
ASK_SECONDS = 1.2
#: Bytes of a page that are read only to see that there is one.
KNOCK_BYTES = 4096
#: Questions under way at once: more would make the answers of a slow machine late.
AT_ONCE = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is at an address: the plug-in's name and what it said, or Missing with the reason."""

    address: Address
    engine: str
    identity: Identity | Missing


async def ask_addresses(
    transport: Transport, addresses: Iterable[Address], engines: Mapping[str, Engine], keys: Mapping[str, str]
) -> tuple[Answer, ...]:
    """One answer for each address. `keys` are API keys by URL. The most specific proof wins.

    `identity` is absent where something else answers, failed where nothing does.
    """
    gate = asyncio.Semaphore(AT_ONCE)
    usual = {port for one in engines.values() for port in one.ports}

    async def ask(address: Address, name: str) -> Answer:
        async with gate:
            identity = await _detect(transport, engines[name], address.url, keys.get(address.url, ""))
        return Answer(address=address, engine=name, identity=identity)

    async def ask_all(address: Address) -> Answer:
        if address.port not in usual:
            async with gate:
                silence = await _knock(transport, address.url)
            if silence is not None:
                return Answer(address=address, engine="", identity=silence)
        answers = await asyncio.gather(*(ask(address, name) for name in engines))
        late = _find_late(answers, engines)
        again = await asyncio.gather(*(ask(address, name) for name in late))
        return _best(address, [*(one for one in answers if one.engine not in late), *again], engines)

    return tuple(await asyncio.gather(*(ask_all(address) for address in addresses)))


def _find_late(answers: Iterable[Answer], engines: Mapping[str, Engine]) -> list[str]:
    """Plug-ins that got no answer where a less specific one did: a busy engine may look like another."""
    given = list(answers)
    proven = [engines[one.engine].specificity for one in given if not isinstance(one.identity, Missing)]
    return [
        one.engine
        for one in given
        if isinstance(one.identity, Missing)
        and one.identity.kind == "failed"
        and proven
        and engines[one.engine].specificity > max(proven)
    ]


def _best(address: Address, answers: Iterable[Answer], engines: Mapping[str, Engine]) -> Answer:
    """The most specific proof; where there is none, that something answers outweighs that nothing does."""
    proofs: list[tuple[int, Answer]] = []
    others: list[Missing] = []
    for one in answers:
        if isinstance(one.identity, Missing):
            others.append(one.identity)
        else:
            proofs.append((engines[one.engine].specificity, one))
    if proofs:
        return max(proofs, key=itemgetter(0))[1]
    reason = next((one for one in others if one.kind == "absent"), others[0])
    return Answer(address=address, engine="", identity=reason)


async def _knock(transport: Transport, url: str) -> Missing | None:
    """None if something there speaks HTTP: most of what listens on a node does not, and one question settles it."""
    try:
        await transport.http("GET", f"{url}/", timeout_seconds=ASK_SECONDS, max_bytes=KNOCK_BYTES)
    except TooLarge:
        return None
    except AccessError as error:
        return failed(error)
    return None


async def _detect(transport: Transport, engine: Engine, url: str, api_key: str) -> Identity | Missing:
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await engine.detect(url, transport, api_key=api_key)
    except TimeoutError:
        return failed(f"no answer within {ASK_SECONDS:g} s")
    except (AccessError, EngineError) as error:
        return failed(str(error))
