"""Read operations for live parts: their documents, without a trace in the list of work."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from keepwell.app.hub.house import House
from keepwell.app.operation import Caller, Operation
from keepwell.app.plain import document
from keepwell.core.errors import ConfigurationError
from keepwell.web.work import FACE, find_operation


async def look(house: House, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a read operation that is done within a moment. Raises what the operation raises."""
    operation = find_operation(name)
    if operation is None or operation.effect != "read":
        raise ConfigurationError(f"there is no operation {name!r} that reads")
    hub = house.hub()
    caller = Caller(asked_by=FACE, config=hub.config_path, state=hub.state)
    return await asyncio.to_thread(asyncio.run, _ask(operation, caller, given))


async def _ask(operation: Operation, caller: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    """In the loop of a thread of its own, so that the hub's goes on."""
    return document(await operation.function(caller, **given))
