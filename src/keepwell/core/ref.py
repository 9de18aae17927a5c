"""Ref: the address that everything carries, `kind:node/.../name`.

The text form is what people type and read. Each kind has a fixed number of parts, and only the last may
hold a slash, so `model:gpu01/ollama/hf.co/org/name:Q4` and `mount:gpu01//var/lib` need no escaping.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Parts of each kind. One part: the node itself, or something that lives above nodes (a route).
PARTS: dict[str, int] = {
    "node": 1,
    "device": 2,
    "engine": 2,
    "model": 3,
    "route": 1,
    "process": 2,
    "unit": 2,
    "container": 2,
    "port": 2,
    "mount": 2,
    "path": 2,
    "log": 2,
    "service": 2,
}


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """The address of one thing. Ordered and hashable; `str()` and `Ref.parse` are inverse.

    Raises ValueError for an unknown kind, a wrong number of parts, an empty part, a slash in any part but
    the last, or a control character.
    """

    kind: str
    path: tuple[str, ...]

    def __post_init__(self) -> None:
        count = PARTS.get(self.kind)
        if count is None:
            raise ValueError(f"unknown kind {self.kind!r}; known: {', '.join(PARTS)}")
        if len(self.path) != count:
            raise ValueError(f"{self.kind} has {count} part(s), got {len(self.path)}: {self.path!r}")
        for part in self.path:
            if not part or any(ord(c) < 32 or ord(c) == 127 for c in part):
                raise ValueError(f"a part of a Ref is empty or holds a control character: {part!r}")
        if any("/" in part for part in self.path[:-1]):
            raise ValueError(f"only the last part of a Ref may hold a slash: {self.path!r}")

    @classmethod
    def parse(cls, text: str) -> Ref:
        """Read the text form; raises ValueError as the constructor does."""
        kind, colon, rest = text.partition(":")
        if not colon or kind not in PARTS:
            raise ValueError(f"not a Ref: {text!r}; expected kind:path with kind one of {', '.join(PARTS)}")
        return cls(kind, tuple(rest.split("/", PARTS[kind] - 1)))

    def __str__(self) -> str:
        return f"{self.kind}:{'/'.join(self.path)}"

    @property
    def node(self) -> str:
        """The name of the node that this lies on; "" for a route."""
        if self.kind == "route":
            return ""
        return self.path[0]

    @property
    def name(self) -> str:
        """The last part: the engine's, model's, device's own name."""
        return self.path[-1]

    def within(self, other: Ref) -> bool:
        """True if this is `other` or lies in it: a node holds all that is on it, an engine holds its models."""
        return self == other or (
            len(self.path) > len(other.path)
            and self.path[: len(other.path)] == other.path
            and other.kind in ("node", "engine")
        )


def node(name: str) -> Ref:
    """The Ref of a node."""
    return Ref("node", (name,))


def engine(node_name: str, name: str) -> Ref:
    """The Ref of an engine on a node."""
    return Ref("engine", (node_name, name))


def device(node_name: str, index: int | str) -> Ref:
    """The Ref of a GPU or NPU on a node."""
    return Ref("device", (node_name, str(index)))


def service(node_name: str, name: str) -> Ref:
    """The Ref of a service beside the engines."""
    return Ref("service", (node_name, name))
