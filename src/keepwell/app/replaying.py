"""The look at a node again, from the bundle that was made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

import msgspec

from keepwell.config.model import NetworkEntry
from keepwell.core.errors import DamagedError
from keepwell.plugins.services import ServiceWish
from keepwell.survey.expected import Expected
from keepwell.survey.survey import Progress, SurveyResult, no_progress, survey
from keepwell.transport.recorded.bundle import Bundle


async def survey_bundle(bundle: Bundle, *, level: int = 4, progress: Progress = no_progress) -> SurveyResult:
    """The survey that made a bundle, made again from it alone; at most as deep as `level`."""
    manifest = bundle.manifest
    return await survey(
        bundle.transport,
        bundle.clock,
        expected_in(bundle),
        level=min(level, manifest.level),
        since_seconds=manifest.since_seconds,
        origins=manifest.origins,
        progress=progress,
    )


class Wishes(msgspec.Struct):
    """What was expected of a node, as a bundle keeps it: without keys."""

    engines: list[Expected] = []
    services: list[ServiceWish] = []
    networks: list[NetworkEntry] = []


#: What a survey may be told beforehand.
Wish: TypeAlias = Expected | ServiceWish | NetworkEntry


def render_wishes(expected: Iterable[Wish]) -> bytes:
    """`expected.json` of a bundle."""
    wishes = Wishes([], [], [])
    for one in expected:
        if isinstance(one, Expected):
            wishes.engines.append(replace(one, api_key=""))
        elif isinstance(one, ServiceWish):
            wishes.services.append(replace(one, api_key=""))
        else:
            wishes.networks.append(one)
    return msgspec.json.encode(wishes)


def expected_in(bundle: Bundle) -> tuple[Wish, ...]:
    """What was expected when the bundle was made; DamagedError if that cannot be read."""
    try:
        wishes = msgspec.json.decode(bundle.members.get("expected.json", b"{}"), type=Wishes)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"expected.json: {error}", where=str(bundle.path)) from error
    return (*wishes.engines, *wishes.services, *wishes.networks)
