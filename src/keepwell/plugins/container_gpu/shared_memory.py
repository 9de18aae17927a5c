"""Shared memory of a compose service whose engine splits a model over GPUs: its processes talk through /dev/shm.

Docker gives a container 64 MiB (`docker run --shm-size`); NCCL's transport through shared memory takes 33 MB a pair of
ranks, and queues more. `ipc: host` uses the node's own.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import partial

from keepwell.formats.container_run import parse_size
from keepwell.plugins.container_gpu.compose import FILLED_IN, Composed
from keepwell.plugins.container_gpu.found import find_mistake, put_in
from keepwell.plugins.container_gpu.ground import Mistake
from keepwell.plugins.parallel import SplitsModel
from keepwell.plugins.recognise import load_engines

#: What ranks need at least, and what is given where it is less: only what is used of it takes memory.
LEAST_BYTES, GIVEN = 1024**3, "8gb"


def find_small_shared_memory(service: Composed, engine: str) -> Iterator[Mistake]:
    """Less than the ranks need, where the engine of this name is started so that it has several."""
    plug_in: object = load_engines().get(engine)
    if not isinstance(plug_in, SplitsModel) or service.get("ipc") is not None:
        return
    words = _words(service)
    if "".join(words[:1]).startswith("-"):
        words = [engine, "serve", *words]  # the image itself names the program; only options are given here
    ranks = plug_in.ranks(words, {name: value for name, (_, value) in service.variables().items()}).world
    size = str(service.get("shm_size") or "64m")
    if ranks < 2 or FILLED_IN in size or parse_size(size) >= LEAST_BYTES:
        return
    said = f"{ranks} processes share {size} of shared memory: they stop when they begin to talk; ipc: host, or more"
    mend = partial(put_in, service, ("shm_size",), GIVEN)
    yield find_mistake("shared-memory", service, ("shm_size",), said, mend)


def _words(service: Composed) -> list[str]:
    """The command line that the service starts with, as far as it says."""
    found: list[str] = []
    for key in ("entrypoint", "command"):
        said = service.get(key)
        if isinstance(said, list):
            found += map(str, said)
        elif isinstance(said, str):
            found += _split(said)
    return found


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
