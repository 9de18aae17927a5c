"""Where llama.cpp puts a model, read from the lines that it writes while loading.

The same lines come from a server of its own and from a child of another engine, with or without prefixes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

#: A load begins with the word of the server that does it; only then may one path be loaded a second time.
_BEGIN = re.compile(r"load_model: loading model '([^']+)'|\bstarting (?:llama server|runner|llama-server)\b")
#: The file's meta data. A trial that only measures what would fit reads it too, before the load proper.
_META = re.compile(r"loaded meta data with .{1,80} from (.+?) \(version")
_LAYERS = re.compile(r"offloaded\s+(\d{1,6})/(\d{1,6})\s+layers to GPU")
_BUFFER = re.compile(r"([A-Za-z][\w.-]*)\s+(?:model|KV|RS|compute|output)\s+buffer size\s*=\s*(\d+(?:\.\d+)?) MiB")
#: Buffers in main memory: the processor's own, and pinned ones that are named after the device they serve.
_HOST = re.compile(r"^(?:CPU|AMX|BLAS)|_Host$")
MEBIBYTE = 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Offload:
    """One load: the model's path, layers in all and on a GPU (0 of 0 where not told), bytes by device name."""

    path: str = ""
    layers: int = 0
    gpu_layers: int = 0
    device_bytes: dict[str, int] = field(default_factory=dict)

    @property
    def told(self) -> bool:
        """True once a line said anything about where the model lies."""
        return bool(self.layers or self.device_bytes)

    @property
    def host_bytes(self) -> int:
        """Bytes in main memory."""
        return sum(size for name, size in self.device_bytes.items() if _HOST.search(name))

    @property
    def gpu_bytes(self) -> int:
        """Bytes on devices of their own."""
        return sum(self.device_bytes.values()) - self.host_bytes


def parse_offloads(lines: Iterable[str]) -> tuple[Offload, ...]:
    """One for each load that the lines tell of, oldest first. Never raises."""
    found: list[Offload] = []
    current, begun = Offload(), True
    for line in lines:
        meta, begin = _META.search(line), _BEGIN.search(line)
        if meta is None and begin is None:
            _read_line(current, line)
            continue
        if begin is not None:
            begun = True
            path = begin[1] or ""
        else:
            assert meta is not None
            path = meta[1]
        again = not begun and path == current.path
        if current.told and not again:
            found.append(current)
        current = Offload(path=path or current.path)
        begun = begun and meta is None
    if current.told:
        found.append(current)
    return tuple(found)


def _read_line(current: Offload, line: str) -> None:
    layers = _LAYERS.search(line)
    if layers is not None:
        current.gpu_layers, current.layers = int(layers[1]), int(layers[2])
        return
    buffer = _BUFFER.search(line)
    if buffer is not None:
        size = int(float(buffer[2][:15]) * MEBIBYTE)
        current.device_bytes[buffer[1]] = current.device_bytes.get(buffer[1], 0) + size
