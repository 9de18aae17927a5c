"""LangChain's clients of OpenAI and Ollama at one address: python langchain_asks.py URL MODEL CALLER VECTORS"""

from __future__ import annotations

import json
import sys
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from langchain_openai import ChatOpenAI, OpenAIEmbeddings


@tool
def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"sunny in {city}"


@tool
def hour(zone: str) -> str:
    """Tells the hour in a time zone."""
    return f"noon in {zone}"


def ask(chat: Any, caller: Any) -> dict[str, Any]:
    """Whole, streamed, and tools called and answered."""
    turns = [SystemMessage("Be short."), HumanMessage("count")]
    whole = chat.invoke(turns)
    pieces = [one.content for one in chat.stream(turns)]
    bound = caller.bind_tools([weather, hour])
    called = bound.invoke(turns)
    results = [ToolMessage({"weather": weather, "hour": hour}[one["name"]].invoke(one["args"]), tool_call_id=one["id"])
               for one in called.tool_calls]  # fmt: skip
    after = chat.bind_tools([weather, hour]).invoke([*turns, called, *results])
    return {
        "whole": whole.content,
        "tokens": whole.usage_metadata["output_tokens"],
        "stream": "".join(pieces),
        "pieces": len([one for one in pieces if one]),
        "calls": [[one["name"], one["args"]] for one in called.tool_calls],
        "after": after.content,
    }


def main(url: str, model: str, caller: str, vectors: str) -> None:
    """Every client once; JSON on standard output."""
    said: dict[str, Any] = {}
    openai = {"base_url": f"{url}/v1", "api_key": "none", "max_retries": 0}
    said["openai"] = ask(
        ChatOpenAI(model=model, max_tokens=6, **openai), ChatOpenAI(model=caller, max_tokens=60, **openai)
    )
    said["ollama"] = ask(
        ChatOllama(model=model, base_url=url, num_predict=6), ChatOllama(model=caller, base_url=url, num_predict=60)
    )
    said["ollama-generate"] = OllamaLLM(model=model, base_url=url, num_predict=6).invoke("count")
    one = OpenAIEmbeddings(model=vectors, check_embedding_ctx_length=False, **openai)
    said["openai-vectors"] = [len(one.embed_query("one")), len(one.embed_documents(["one", "two"]))]
    two = OllamaEmbeddings(model=vectors, base_url=url)
    said["ollama-vectors"] = [len(two.embed_query("one")), len(two.embed_documents(["one", "two"]))]
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
