"""`/v1/chat/completions`."""

from __future__ import annotations

import msgspec

from keepwell.dialects.openai import conversation
from keepwell.dialects.openai.chat_reading import ChatStreamReader, read_whole_chat
from keepwell.dialects.openai.chat_writing import ChatStreamWriter, WholeChat
from keepwell.dialects.openai.settings import (
    CARRIES,
    OPTIONS,
    SettingFields,
    read_settings,
    write_settings,
)
from keepwell.plugins.asked import Asked, Json, Kind, Message
from keepwell.plugins.codec import Codec, Reader, Setting, Unreadable, Writer
from keepwell.plugins.error_text import parse_error_text
from keepwell.plugins.whole_answer import WholeReader, WholeWriter
from keepwell.plugins.wire_json import read_body

#: Words for how hard to think that other interfaces do not have, by the nearest that they do.
_EFFORTS: dict[str, bool | str] = {"none": False, "minimal": "low", "xhigh": "high"}
#: Names by which chat templates learn whether to think.
_SWITCHES = ("enable_thinking", "thinking")
_TEMPLATE = "chat_template_kwargs"


class _Effort(msgspec.Struct):
    effort: str | None = None


class _Request(SettingFields, kw_only=True):
    messages: list[conversation.MessageFields]
    tools: list[conversation.ToolFields] | None = None
    tool_choice: Json = None
    parallel_tool_calls: bool | None = None
    functions: Json = None
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning_effort: str | None = None
    reasoning: _Effort | None = None
    chat_template_kwargs: dict[str, Json] | None = None


_decode = msgspec.json.Decoder(_Request).decode


class ChatCodec:
    """See `keepwell.plugins.codec.Codec`."""

    path = b"/v1/chat/completions"
    kinds: frozenset[Kind] = frozenset({"chat"})
    carries = CARRIES | {"messages", "tools", "tool_choice", "parallel_calls", "think"}
    options = OPTIONS | {_TEMPLATE, "add_generation_prompt", "continue_final_message"}

    def read_request(self, body: bytes) -> Asked:
        """See `keepwell.plugins.codec.Codec`."""
        found = read_body(body, _decode)
        if found.functions:
            raise Unreadable("functions: this form of old is not known here, use tools")
        asked = read_settings(body, found, "chat")
        think, template = _read_thinking(found)
        if template:
            asked.options[_TEMPLATE] = template
        return msgspec.structs.replace(
            asked,
            messages=_read_messages(found.messages),
            tools=conversation.read_tools(found.tools or ()),
            tool_choice=conversation.read_choice(found.tool_choice),
            parallel_calls=found.parallel_tool_calls,
            max_tokens=_first(found.max_completion_tokens, found.max_tokens),
            logprobs=_read_logprobs(found),
            think=think,
        )

    def write_request(self, asked: Asked) -> bytes:
        """See `keepwell.plugins.codec.Codec`. No limit of tokens is said by none, as engines mean it in chats."""
        fields = write_settings(asked)
        fields["messages"] = [conversation.write_message(one) for one in asked.messages]
        if asked.tools:
            fields["tools"] = [conversation.write_tool(one) for one in asked.tools]
            if asked.tool_choice:
                fields["tool_choice"] = conversation.write_choice(asked.tool_choice)
            if asked.parallel_calls is not None:
                fields["parallel_tool_calls"] = asked.parallel_calls
        if asked.logprobs >= 0:
            fields["logprobs"] = True
        if asked.logprobs > 0:
            fields["top_logprobs"] = asked.logprobs
        return msgspec.json.encode(fields | _write_thinking(asked))

    def find_unsayable(self, asked: Asked) -> tuple[str, ...]:
        """All of a conversation can be said."""
        return ()

    def make_reader(self, *, stream: bool) -> Reader:
        """See `keepwell.plugins.codec.Codec`."""
        if stream:
            return ChatStreamReader()
        return WholeReader(read_whole_chat)

    def make_writer(self, asked: Asked, setting: Setting) -> Writer:
        """See `keepwell.plugins.codec.Codec`."""
        if asked.stream:
            return ChatStreamWriter(asked, setting)
        return WholeWriter(WholeChat(asked, setting))

    def read_error(self, body: bytes) -> str:
        """See `keepwell.plugins.codec.Codec`."""
        return parse_error_text(body)


def _read_messages(found: list[conversation.MessageFields]) -> tuple[Message, ...]:
    return tuple(conversation.read_message(one, f"messages[{place}]") for place, one in enumerate(found))


def _first(one: int | None, other: int | None) -> int | None:
    if one is None:
        return other
    return one


def _read_logprobs(found: _Request) -> int:
    if not found.logprobs:
        return -1
    return max(found.top_logprobs or 0, 0)


def _read_thinking(found: _Request) -> tuple[bool | str | None, dict[str, Json]]:
    """Whether to think, and the rest of what is told to the template."""
    template = dict(found.chat_template_kwargs or {})
    effort = found.reasoning_effort or (found.reasoning or _Effort()).effort
    think: bool | str | None = None
    for switch in _SWITCHES:
        if isinstance(template.get(switch), bool):
            think = bool(template.pop(switch))
    if effort:
        think = _EFFORTS.get(effort, effort)
    return think, template


def _write_thinking(asked: Asked) -> dict[str, Json]:
    """A word for how hard, or the switch that both engines hand to chat templates."""
    if asked.think is None:
        return {}
    if isinstance(asked.think, str):
        return {"reasoning_effort": asked.think}
    template = asked.options.get(_TEMPLATE)
    if not isinstance(template, dict):
        template = {}
    return {_TEMPLATE: template | {_SWITCHES[0]: asked.think}}


CHAT: Codec = ChatCodec()
