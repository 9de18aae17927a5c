"""What goes out of the conversation and what comes back: questions to the model, looks by tools, what was heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

#: How a model is asked to reply: by calls of tools, by JSON of a schema, by JSON that only the rules describe. Servers
#: and models that cannot do the first are asked by the next.
Form: TypeAlias = Literal["tools", "shape", "text"]
FORMS: tuple[Form, ...] = ("tools", "shape", "text")
#: The same for the owner.
FORM_WORDS: Mapping[Form, str] = {"tools": "tools", "shape": "a schema of the reply", "text": "this request"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A tool as the model is offered it: name, one sentence, JSON schema of its arguments."""

    name: str
    what: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Ask the model: the system's words and the user's. `offers` are () unless the form is tools, `shape` is a JSON
    schema, None unless the form is shape. No more than so many tokens of answer, and seconds.
    """

    system: str
    user: str
    offers: tuple[Offer, ...] = ()
    shape: Mapping[str, object] | None = None
    max_tokens: int = 1
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """Both, for a reckoning of its length."""
        return self.system + self.user


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Run a tool that reads, for at most so many seconds."""

    tool: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """Its arguments as texts, in order: two looks with the same are one."""
        return tuple(sorted((name, str(value)) for name, value in self.arguments.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of a query. `calls` are names and arguments as JSON text. Tokens are -1 where nobody counted.

    `problem` says why it is not whole ("" if it is): with `refused` the server does not take a request of this form,
    with `lost` there is no use in asking it again.
    """

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    input_tokens: int = -1
    output_tokens: int = -1
    seconds: float = 0.0
    problem: str = ""
    refused: bool = False
    lost: bool = False
