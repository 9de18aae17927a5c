"""What container runtimes remember: Docker keeps the last thousand events, Podman a log of its own."""

from __future__ import annotations

from keepwell.core.errors import AccessError
from keepwell.formats.container_events import parse_container_events
from keepwell.plugins.place import Place
from keepwell.probes.host_history._read import Read, not_read, was_read

#: A week, up to now: both end by themselves then. Times are told relative, so that a recording replays.
EVENTS: dict[str, tuple[str, ...]] = {
    "docker": ("docker", "events", "--since", "168h", "--until", "0s", "--format", "{{json .}}"),
    "podman": ("podman", "events", "--stream=false", "--since", "168h", "--format", "json"),
}
#: Seconds for a client: a daemon that does not answer must not hold up the rest.
CLIENT_SECONDS = 3.0


async def read_containers(place: Place) -> list[Read]:
    """One result for each runtime."""
    return [await _ask(place, runtime) for runtime in EVENTS]


async def _ask(place: Place, runtime: str) -> Read:
    source = f"{runtime} events"
    try:
        ran = await place.transport.run(EVENTS[runtime], timeout_seconds=CLIENT_SECONDS)
    except AccessError as error:
        return not_read(source, error)
    if ran.code != 0:
        return not_read(source, ran.stderr.decode("utf-8", "replace").strip() or f"exit code {ran.code}")
    return was_read(source, parse_container_events(ran.text, runtime))
