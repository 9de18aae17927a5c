"""Containers of Docker and Podman: state, image, ports, GPUs asked for, last exit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Literal

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, Observation, Value, absent, failed
from keepwell.core.secret import mask_argv, mask_environment
from keepwell.core.values import row_of, text_of, texts_of
from keepwell.formats.inspect import parse_inspect
from keepwell.plugins.place import Place
from keepwell.plugins.probe import ProbeEffect
from keepwell.plugins.recognise import engine_of_command, engine_of_name, load_engines
from keepwell.transport.base import Transport
from keepwell.transport.container.api import ContainerApi
from keepwell.transport.container.sockets import CONTAINER_ENGINES, find_sockets

RUNTIMES = ("docker", "podman")
#: Containers inspected in one call; a busy homelab has some dozens, and each costs about 1 ms.
CONTAINERS = 200
#: Seconds for the client: a daemon that does not answer must not hold up the rest.
CLIENT_SECONDS = 3.0
#: Seconds for all sockets together; what was found until then counts.
SOCKET_SECONDS = 2.0


class Containers:
    """Gives host.containers; absent where no client is installed and no engine listens, failed where none answers."""

    level = 1
    about: Literal["node", "engine"] = "node"
    effect: ProbeEffect = "none"
    cost_seconds = 0.2
    gives: tuple[str, ...] = ("host.containers",)
    needs: tuple[str, ...] = ()

    async def observe(self, place: Place) -> Iterable[Observation]:
        """One observation; its value is a tuple of mappings, one a container, running or not."""
        answers = await asyncio.gather(*(_ask(place.transport, runtime) for runtime in RUNTIMES))
        source = "docker inspect and podman inspect"
        rows = tuple(row for answer in answers if not isinstance(answer, Missing) for row in answer)
        rows += await _by_socket(place.transport, {text_of(row_of(row), "id") for row in rows})
        missing = [answer for answer in answers if isinstance(answer, Missing)]
        if rows or not missing:
            return [place.saw("host.containers", rows, source)]
        worst = next((one for one in missing if one.kind == "failed"), None)
        if worst is not None:
            return [place.saw("host.containers", worst, source)]
        if len(missing) == len(RUNTIMES):
            reason = absent(f"none of {', '.join(RUNTIMES)} is installed")
            return [place.saw("host.containers", reason, source)]
        return [place.saw("host.containers", rows, source)]


async def _ask(transport: Transport, runtime: str) -> tuple[Value, ...] | Missing:
    try:
        listed = await transport.run((runtime, "ps", "-aq", "--no-trunc"), timeout_seconds=CLIENT_SECONDS)
        if listed.code != 0:
            return failed(f"{runtime} says: {listed.stderr.decode('utf-8', 'replace').strip()}")
        ids = listed.text.split()[:CONTAINERS]
        if not ids:
            return ()
        shown = await transport.run((runtime, "inspect", *ids), timeout_seconds=CLIENT_SECONDS)
        return tuple(_named(row) for row in parse_inspect(shown.stdout, runtime))
    except NotThere:
        return absent(f"{runtime} is not installed")
    except AccessError as error:
        return failed(error)
    except ValueError as error:
        return failed(f"{runtime} inspect: {error}")


async def _by_socket(transport: Transport, known: set[str]) -> tuple[Value, ...]:
    """The containers that no client told of, asked at the engines' sockets: where no client is installed, and those
    of other users' engines. A socket that does not answer or is not for this user adds nothing: the client said why.
    """
    found: list[Value] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SOCKET_SECONDS):
            for one in await find_sockets(transport, CONTAINER_ENGINES):
                async for row in _unknown(ContainerApi(transport, one), known):
                    found.append(row)
    return tuple(found)


async def _unknown(api: ContainerApi, known: set[str]) -> AsyncIterator[Value]:
    """The rows of an engine's containers that are not known yet; they are, afterwards."""
    try:
        for number in [each for each in await api.list_ids() if each not in known][:CONTAINERS]:
            content = await api.inspect_raw(number)
            known.add(number)
            for row in parse_inspect(b"[" + content + b"]", api.socket.engine.runtime):
                yield {**_named(row), "socket": api.socket.path}
    except (AccessError, ValueError):
        return


def _named(row: Mapping[str, Value]) -> Mapping[str, Value]:
    """The row with the engine that it may be, and without secrets."""
    engines = load_engines()
    command = texts_of(row.get("command"))
    image = text_of(row, "image").partition("@")[0].rpartition("/")[2]
    engine = engine_of_command(command, engines) or engine_of_name(image, engines)
    variables = {name: str(value) for name, value in row_of(row.get("environment")).items()}
    return {
        **row,
        "engine": engine or engine_of_name(text_of(row, "name"), engines),
        "command": mask_argv(command),
        "environment": mask_environment(variables),
    }


PROBE = Containers()
