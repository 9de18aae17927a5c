"""LlamaIndex's clients of OpenAI and Ollama at one address: python llamaindex_asks.py URL MODEL CALLER VECTORS"""

from __future__ import annotations

import json
import sys
from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.ollama import OllamaEmbedding
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.ollama import Ollama
from llama_index.llms.openai import OpenAI


def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"sunny in {city}"


def hour(zone: str) -> str:
    """Tells the hour in a time zone."""
    return f"noon in {zone}"


class AnyOpenAI(OpenAI):
    """A model that OpenAI does not have: its room and its abilities are told here."""

    @property
    def metadata(self) -> Any:
        """As the framework asks for it."""
        from llama_index.core.base.llms.types import LLMMetadata

        return LLMMetadata(
            context_window=2048, num_output=60, is_chat_model=True, is_function_calling_model=True,
            model_name=self.model,
        )  # fmt: skip

    @property
    def _tokenizer(self) -> Any:
        return None


def ask(chat: Any, caller: Any) -> dict[str, Any]:
    """Whole, streamed, and tools called."""
    turns = [ChatMessage(role="system", content="Be short."), ChatMessage(role="user", content="count")]
    pieces = [one.delta for one in chat.stream_chat(turns)]
    tools = [FunctionTool.from_defaults(fn=one) for one in (weather, hour)]
    answer = caller.chat_with_tools(tools, chat_history=turns, allow_parallel_tool_calls=True)
    calls = caller.get_tool_calls_from_response(answer, error_on_no_tool_call=False)
    return {
        "whole": chat.chat(turns).message.content,
        "stream": "".join(one or "" for one in pieces),
        "pieces": len([one for one in pieces if one]),
        "complete": chat.complete("count").text,
        "calls": [[one.tool_name, one.tool_kwargs] for one in calls],
    }


def main(url: str, model: str, caller: str, vectors: str) -> None:
    """Every client once; JSON on standard output."""
    said: dict[str, Any] = {}
    known: dict[str, Any] = {"api_base": f"{url}/v1", "api_key": "none", "max_retries": 0}
    said["openai"] = ask(AnyOpenAI(model=model, max_tokens=6, **known), AnyOpenAI(model=caller, max_tokens=60, **known))
    said["ollama"] = ask(
        Ollama(model=model, base_url=url, additional_kwargs={"num_predict": 6}, context_window=1024),
        Ollama(model=caller, base_url=url, additional_kwargs={"num_predict": 60}, context_window=1024),
    )
    one = OpenAIEmbedding(model_name=vectors, **known)
    said["openai-vectors"] = [len(one.get_text_embedding("one")), len(one.get_text_embedding_batch(["one", "two"]))]
    two = OllamaEmbedding(model_name=vectors, base_url=url)
    said["ollama-vectors"] = [len(two.get_text_embedding("one")), len(two.get_text_embedding_batch(["one", "two"]))]
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
