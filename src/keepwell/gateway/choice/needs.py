"""What a request needs of a model, told by its bytes, and which replicas certainly cannot give it.

Only asked where the replicas of a route are known to differ, or where none has something. A search in the bytes says
that a request may need it; then the request is read, so that nothing is refused that could have been answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from keepwell.plugins.dialect import Endpoint
from keepwell.plugins.wire_json import BROKEN

Json: TypeAlias = object
#: Bytes of the longest token in usual vocabularies (a run of blanks): a prompt has at least so many fewer tokens.
LONGEST_TOKEN_BYTES = 128
#: Bytes of a usual token: where a prompt may be too long for a replica by that, one with more room is better.
USUAL_TOKEN_BYTES = 3
#: Names under which requests carry what is asked.
_PROMPTS = ("messages", "prompt", "input")
#: How deep the parts of a message lie; what is deeper is text for a tool.
DEPTH = 6
_IMAGE_MARKS = (b'"image_url"', b'"images"', b'"input_image"', b'"image"')
_IMAGE_TYPES = frozenset({"image_url", "input_image", "image"})
#: Words for people.
WORDS: Mapping[str, str] = {
    "chat": "answers to a prompt",
    "embed": "embeds",
    "vision": "sees images",
    "tools": "calls tools",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """What replicas of a route certainly lack: abilities by replica, and how long a context each takes.

    `asked` are all abilities that some replica lacks, `least` the shortest context, 0 if none is known.
    """

    lacks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    contexts: Mapping[str, int] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    least: int = 0

    @property
    def marks(self) -> tuple[bytes, ...]:
        """What stands in the bytes of every body that may need what is lacking, beside its path and length."""
        return (b"image",) * ("vision" in self.asked) + (b'"tools"',) * ("tools" in self.asked)

    def find_unable(self, endpoint: Endpoint, body: bytes) -> dict[str, str]:
        """The replicas that cannot do what this request needs, with the reason."""
        needs = find_needs(endpoint, body, self.asked)
        unable = {
            name: f"no model there that {' and '.join(WORDS[one] for one in sorted(needs & lack))}"
            for name, lack in self.lacks.items()
            if needs & lack
        }
        if self.least and len(body) > self.least * USUAL_TOKEN_BYTES:
            for name, why in self._too_long(body).items():
                unable.setdefault(name, why)
        return unable

    def _too_long(self, body: bytes) -> dict[str, str]:
        """Replicas for which the prompt is certainly too long, or likely while another has more room."""
        size = count_text(body)
        certain, likely = size // LONGEST_TOKEN_BYTES, size // USUAL_TOKEN_BYTES
        most = max(self.contexts.values())
        found = {}
        for name, room in self.contexts.items():
            if certain > room:
                found[name] = f"takes {room} tokens, and this has {certain} at least"
            elif likely > room and room < most:
                found[name] = f"takes {room} tokens, and this may have {likely}; another one takes {most}"
        return found


def find_needs(endpoint: Endpoint, body: bytes, wanted: frozenset[str]) -> frozenset[str]:
    """Which of the wanted abilities the request certainly needs."""
    return frozenset(one for one in wanted if _TESTS[one](endpoint, body))


def count_text(body: bytes) -> int:
    """Characters of the prompt; what is no text of it counts nothing."""
    fields = _read(body)
    return sum(_text_size(fields[name], 0) for name in _PROMPTS if name in fields)


def _needs_vision(endpoint: Endpoint, body: bytes) -> bool:
    if not any(mark in body for mark in _IMAGE_MARKS):
        return False
    fields = _read(body)
    return bool(fields.get("images")) or any(_has_image(fields.get(name), 0) for name in _PROMPTS)


def _needs_tools(endpoint: Endpoint, body: bytes) -> bool:
    return b'"tools"' in body and bool(_read(body).get("tools"))


def _needs_embedding(endpoint: Endpoint, body: bytes) -> bool:
    return endpoint.use == "embed"


def _needs_answer(endpoint: Endpoint, body: bytes) -> bool:
    """An empty prompt of Ollama only loads, which any model can."""
    return endpoint.use == "generate" and any(_read(body).get(name) for name in _PROMPTS)


_TESTS: Mapping[str, Callable[[Endpoint, bytes], bool]] = {
    "vision": _needs_vision,
    "tools": _needs_tools,
    "embed": _needs_embedding,
    "chat": _needs_answer,
}


def _read(body: bytes) -> Mapping[str, Json]:
    """The body as JSON; {} for what is none."""
    try:
        found: Json = msgspec.json.decode(body)
    except BROKEN:
        return {}
    if isinstance(found, dict):
        return found
    return {}


def _has_image(value: Json, depth: int) -> bool:
    """True if a part of a message is an image."""
    if depth > DEPTH:
        return False
    if isinstance(value, dict):
        return value.get("type") in _IMAGE_TYPES or bool(value.get("images")) or _has_image(value.get("content"), depth)
    if isinstance(value, list):
        return any(_has_image(one, depth + 1) for one in value)
    return False


def _text_size(value: Json, depth: int) -> int:
    """Characters of the texts of a prompt; an image's address or bytes are none."""
    if isinstance(value, str):
        return len(value)
    if depth > DEPTH:
        return 0
    if isinstance(value, list):
        return sum(_text_size(one, depth + 1) for one in value)
    if isinstance(value, dict):
        return sum(_text_size(value[name], depth + 1) for name in ("content", "text") if name in value)
    return 0


def find_shortage(abilities: Iterable[tuple[str, frozenset[str], int]]) -> Shortage | None:
    """From what is known of each replica (its name, what it cannot, its context): None where nothing is lacking."""
    rows = list(abilities)
    lacks = {name: cannot for name, cannot, _ in rows if cannot}
    contexts = {name: context for name, _, context in rows if context}
    if not lacks and not contexts:
        return None
    asked = frozenset(one for lack in lacks.values() for one in lack)
    return Shortage(lacks=lacks, contexts=contexts, asked=asked, least=min(contexts.values(), default=0))
