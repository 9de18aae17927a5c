"""The response that an answer of `/v1/responses` holds: at its beginning, at its end, and its items on the way."""

from __future__ import annotations

from collections.abc import Sequence

from keepwell.dialects.openai.outcomes import ERROR_TYPES, render_tokens
from keepwell.dialects.openai.responses_request import (
    render_choice,
    render_effort,
    render_shape,
    render_tool,
    split_instructions,
)
from keepwell.plugins.answer_events import Counted, Event, Failed, Finished, TokenOdds
from keepwell.plugins.answer_parts import Part, PartKind, Parts
from keepwell.plugins.asked import Asked, Json
from keepwell.plugins.codec import Setting

#: Why an answer is not complete.
_LACKS = {"length": "max_output_tokens", "filter": "content_filter"}
#: How the ids of items begin.
_PREFIXES: dict[PartKind, str] = {"text": "msg", "reasoning": "rs", "call": "fc"}


class ResponseObject:
    """What the answer is made of, and how it ended, as far as it is told."""

    def __init__(self, asked: Asked, setting: Setting) -> None:
        self.id = setting.id
        self.parts = Parts()
        self.counted: Counted | None = None
        self.finished = Finished()
        self._alternatives = max(asked.logprobs, 0)
        self._frame = _render_frame(asked, setting)

    def note(self, event: Event) -> None:
        """Keep what is told of the end."""
        if isinstance(event, Counted):
            self.counted = event
        elif isinstance(event, Finished) and not event.choice:
            self.finished = event

    def render(self, status: str, output: Sequence[Json], more: dict[str, Json]) -> dict[str, Json]:
        """The response with this status and output."""
        return {**self._frame, "status": status, "output": output, **more}

    def render_end(self) -> dict[str, Json]:
        """The whole response."""
        lack = _LACKS.get(self.finished.reason)
        status = "completed"
        if lack is not None:
            status = "incomplete"
        parts = [part for part in self.parts.all if part.kind == "call" or part.pieces]
        output: list[Json] = [self.render_item(part, "completed") for part in parts[:-1]]
        output += [self.render_item(part, status) for part in parts[-1:]]
        more: dict[str, Json] = {"usage": self._render_usage()}
        if lack is not None:
            more["incomplete_details"] = {"reason": lack}
        return self.render(status, output, more)

    def render_item(self, part: Part, status: str) -> dict[str, Json]:
        """An item as it is so far."""
        head: dict[str, Json] = {"id": self.render_id(part), "status": status}
        if part.kind == "call":
            call_id = part.id or f"call_{self.id}_{part.number}"
            arguments = part.text
            if status != "in_progress":
                arguments = arguments or "{}"
            call: dict[str, Json] = {"type": "function_call", "call_id": call_id, "name": part.name}
            return {**head, **call, "arguments": arguments}
        content = [self.render_content(part) for _ in part.pieces[:1]]
        if part.kind == "reasoning":
            return {**head, "type": "reasoning", "summary": [], "content": content, "encrypted_content": None}
        return {**head, "type": "message", "role": "assistant", "content": content}

    def render_content(self, part: Part) -> Json:
        """What is said or thought in an item, as it is so far."""
        if part.kind == "reasoning":
            return {"type": "reasoning_text", "text": part.text}
        odds = self.render_odds(part.odds)
        return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": odds}

    def render_id(self, part: Part) -> str:
        """An item's id."""
        return f"{_PREFIXES[part.kind]}_{self.id}_{part.number}"

    def render_odds(self, tokens: Sequence[TokenOdds]) -> list[Json]:
        """Likelihoods of tokens."""
        return render_tokens(tokens, self._alternatives)

    def _render_usage(self) -> Json:
        counted = self.counted
        if counted is None:
            return None
        given, made = max(counted.input_tokens, 0), max(counted.output_tokens, 0)
        return {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": max(counted.cached_tokens, 0), "cache_write_tokens": 0},
            "output_tokens": made,
            "output_tokens_details": {"reasoning_tokens": max(counted.reasoning_tokens, 0)},
            "total_tokens": given + made,
        }


def render_failure(failed: Failed) -> dict[str, Json]:
    """An error as the clients of this interface read it."""
    kind = ERROR_TYPES.get(failed.status, "server_error")
    return {"type": kind, "code": failed.status or None, "message": failed.message, "param": None}


def _render_frame(asked: Asked, setting: Setting) -> dict[str, Json]:
    """What all three states of a response tell: what was asked, as it was understood."""
    instructions, _ = split_instructions(asked)
    format_: Json = {"type": "text"}
    if asked.shape is not None:
        format_ = render_shape(asked.shape)
    reasoning: dict[str, Json] = {"effort": None, "summary": None}
    if asked.think is not None:
        reasoning["effort"] = render_effort(asked.think)
    return {
        "id": f"resp_{setting.id}",
        "object": "response",
        "created_at": int(setting.created),
        "error": None,
        "incomplete_details": None,
        "instructions": instructions,
        "max_output_tokens": asked.max_tokens,
        "metadata": {},
        "model": setting.model,
        "parallel_tool_calls": asked.parallel_calls is not False,
        "previous_response_id": None,
        "reasoning": reasoning,
        "store": False,
        "temperature": asked.temperature,
        "text": {"format": format_},
        "tool_choice": render_choice(asked.tool_choice) or "auto",
        "tools": [render_tool(one) for one in asked.tools],
        "top_logprobs": max(asked.logprobs, 0),
        "top_p": asked.top_p,
        "truncation": "disabled",
        "usage": None,
        "user": asked.user or None,
    }
