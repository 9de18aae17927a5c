"""The look at a node again, from the bundle that was made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

import msgspec

from keepwell.config.model import NetworkEntry
from keepwell.core.errors import ConfigurationError, DamagedError
from keepwell.core.observation import Observation
from keepwell.plugins.services import ServiceWish
from keepwell.survey.expected import Expected
from keepwell.survey.survey import Progress, SurveyResult, no_progress, survey
from keepwell.survey.timetable import Purpose, Scope
from keepwell.transport.recorded.bundle import Bundle


async def survey_bundle(bundle: Bundle, *, level: int = 4, progress: Progress = no_progress) -> SurveyResult:
    """The survey that made a bundle, made again from it alone; at most as deep as `level`."""
    return await _survey_again(bundle, min(level, bundle.manifest.level), (), progress)


async def inspect_bundle(
    bundle: Bundle, purpose: str, told: Iterable[Observation] = (), progress: Progress = no_progress
) -> SurveyResult:
    """What the checks of a purpose say of a recorded node. `told` is what they need and nobody there can see.

    ConfigurationError for a bundle that was made without a look for this purpose: in it all would seem absent.
    """
    if purpose not in bundle.manifest.purposes:
        raise ConfigurationError(
            f"this recording was made without what `keepwell {purpose}` looks at",
            where=str(bundle.path),
            hint="record the node again with this release's `keepwell collect`",
        )
    return await _survey_again(bundle, Purpose(purpose), told, progress)


async def _survey_again(bundle: Bundle, scope: Scope, told: Iterable[Observation], progress: Progress) -> SurveyResult:
    return await survey(
        bundle.transport,
        bundle.clock,
        (*expected_in(bundle), *told),
        level=scope,
        since_seconds=bundle.manifest.since_seconds,
        origins=bundle.manifest.origins,
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
