"""Running one of this folder's child modules on a node, within a time limit, and reading its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from keepwell.core.errors import AccessError, NotThere
from keepwell.core.observation import Missing, absent, failed
from keepwell.transport.base import Transport

#: How Python says that keepwell (or the vendor's binding) is not installed for this interpreter.
_NO_MODULE = "No module named"
#: How a reason begins when the child could not even be started, so that another way may be tried.
CANNOT_ASK = "no Python with keepwell on this node"
#: Characters of a dying child's last words that are kept: the last line of a traceback.
LAST_WORDS = 300


async def ask_child(module: str, transport: Transport, seconds: float) -> Mapping[str, Any] | Missing:
    """The JSON object that `python -m module` prints on the node.

    Missing(absent) when the node has no interpreter with keepwell; failed when the child hangs past
    `seconds` (it is killed), is ended by a signal, or prints anything else.
    """
    if not transport.python:
        return absent(CANNOT_ASK)
    try:
        ran = await transport.run([transport.python, "-m", module], timeout_seconds=seconds)
    except NotThere as error:
        return absent(f"{CANNOT_ASK}: {error}")
    except AccessError as error:
        return failed(error)
    words = ran.stderr.decode("utf-8", "replace").strip()[-LAST_WORDS:]
    if ran.code < 0:
        return failed(f"{module} was ended by signal {-ran.code}: {words}")
    if ran.code and _NO_MODULE in words:
        return absent(f"{CANNOT_ASK}: {words}")
    return parse_answer(ran.stdout, f"{module} ended with {ran.code}: {words}")


def parse_answer(content: bytes, otherwise: str) -> Mapping[str, Any] | Missing:
    """The JSON object in a child's output; Missing(failed) with the reason `otherwise` if it is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return failed(otherwise)
    if not isinstance(found, dict):
        return failed(otherwise)
    return found
