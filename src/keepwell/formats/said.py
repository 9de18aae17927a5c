"""What a model said in one whole answer, nothing cut: its words, the tools that it calls, why it ended.

In any of the forms in use: a `message` (or `response`), or `choices`. Read without trust: what is not as promised is
told in `problem`, nothing is raised. Thoughts are kept apart from the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

#: Characters of a body that is no answer which are told.
TOLD = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of a tool: its name, and its arguments as they came if they are a JSON object, else None."""

    name: str
    arguments: Mapping[str, object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """`text` without thoughts; `finish` in the engine's own word ("stop", "length", ...); tokens are -1 if not told."""

    text: str = ""
    thoughts: str = ""
    finish: str = ""
    model: str = ""
    tools: tuple[ToolCall, ...] = ()
    input_tokens: int = -1
    output_tokens: int = -1
    problem: str = ""


def parse_said(body: bytes) -> Said:
    """The answer in a whole body; with a `problem` for one that is none, or an error."""
    try:
        found: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Said(problem=f"the answer is not JSON: {body[:TOLD].decode('utf-8', 'replace') or 'an empty body'}")
    if not isinstance(found, dict):
        return Said(problem="the answer is no JSON object")
    if "error" in found:
        return Said(problem=_text(_mapping(found, "error"), "message") or _text(found, "error") or "an error")
    choice = _first_choice(found)
    message = _mapping(choice, "message") or _mapping(found, "message")
    spoken = _text(message, "content") or _text(choice, "text") or _text(found, "response")
    if not message and "text" not in choice and "response" not in found:
        return Said(problem="the answer holds no message")
    thoughts = (_text(message, name) for name in ("reasoning_content", "reasoning", "thinking"))
    usage = _mapping(found, "usage")
    return Said(
        text=spoken,
        thoughts=next((one for one in thoughts if one), ""),
        finish=_text(choice, "finish_reason") or _text(found, "done_reason"),
        model=_text(found, "model"),
        tools=tuple(_tools(message)),
        input_tokens=max(_count(usage, "prompt_tokens"), _count(found, "prompt_eval_count")),
        output_tokens=max(_count(usage, "completion_tokens"), _count(found, "eval_count")),
    )


def _first_choice(found: Mapping[str, object]) -> Mapping[str, object]:
    choices = found.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    return {}


def _tools(message: Mapping[str, object]) -> Iterator[ToolCall]:
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return
    for one in calls:
        if isinstance(one, dict):
            function = _mapping(one, "function")
            yield ToolCall(name=_text(function, "name"), arguments=_arguments(function.get("arguments")))


def _arguments(found: object) -> Mapping[str, object] | None:
    """Engines give them as JSON text or as an object."""
    if isinstance(found, str):
        try:
            found = msgspec.json.decode(found)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
    if isinstance(found, dict):
        return found
    return None


def _mapping(part: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = part.get(name)
    if isinstance(value, dict):
        return value
    return {}


def _text(part: Mapping[str, object], name: str) -> str:
    value = part.get(name)
    if isinstance(value, str):
        return value
    return ""


def _count(part: Mapping[str, object], name: str) -> int:
    value = part.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return -1
