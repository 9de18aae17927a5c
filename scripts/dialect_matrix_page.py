#!/usr/bin/env python3
"""Write docs/dialect-matrix.md from what official clients got: python scripts/dialect_matrix_page.py [--check]

The results are in tests/matrix/results.json, as `pytest tests/matrix --record-matrix` wrote them. With --check nothing
is written: exit 1 where the page is not what the results say.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "tests" / "matrix" / "results.json"
PAGE = ROOT / "docs" / "dialect-matrix.md"
#: Features by their names in the results, in the order of the columns.
FEATURES = {
    "whole": "whole",
    "stream": "stream",
    "system": "system",
    "stop": "stop",
    "seed": "seed",
    "temperature": "temp.",
    "schema": "JSON schema",
    "json": "JSON",
    "calls": "calls",
    "calls-stream": "calls, stream",
    "results": "results",
    "image": "image",
    "odds": "logprobs",
}
ENGINES = {
    "ollama": "Ollama 0.9.3",
    "llamacpp": "llama-server b11549",
    "vllm": "vLLM 0.32.0",
    "fake-ollama": "fake Ollama",
    "fake-openai": "fake OpenAI-compatible",
}
WORDS = {"works": "✓", "dropped": "told", "refused": "refused", "none": "–", "engine": "engine", "fails": "FAILS"}
TOP = """\
# Any client at any engine

Written by `make pages` from `tests/matrix/results.json`: the official `openai`, `ollama` and `anthropic` clients made
their documented calls through one gateway before real engines with tiny models, and before two fakes that speak one
format each and do what they are asked. `pytest tests/matrix -m long` asks all of it again and holds it to what is
recorded; `--record-matrix` records. What is carried, dropped and refused from format to format is in
[dialects.md](dialects.md).

| word | meaning |
|---|---|
| ✓ | the client got what it asked for |
| told | left out, and named in `x-keepwell-dropped` |
| refused | a 4xx in the client's form with a sentence |
| engine | it reached the engine, and this engine does not do it, whoever asks |
| – | the client has no such call |
| blank | not asked: the tiny models see no pictures |

"calls" are two tool calls in one answer, "results" what two tools gave, sent back. The real models that call tools are
tiny ones that say two calls word for word; each engine's own parser has to find them. The fakes choose calls and JSON
by the schemas that reach them, and count the pictures, so that what arrives is what is proved. llama-server's own
`/v1/responses` reads no `text.format` and calls an answer complete that `max_output_tokens` cut: there "engine" stands.
"""


def main(arguments: list[str]) -> int:
    """Write or compare."""
    text = "\n".join([TOP, *render(json.loads(RESULTS.read_text(encoding="utf-8")))])
    if "--check" in arguments:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        if not same:
            print(f"{PAGE} is not what the results say: make pages")
        return int(not same)
    PAGE.write_text(text, encoding="utf-8")
    print(f"{PAGE}: {text.count('✓')} that work")
    return 0


def render(results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    """The table of conversations, that of vectors, and the ways."""
    yield "## Conversations and completions\n"
    yield f"| client | engine | {' | '.join(FEATURES.values())} |"
    yield "|---|---|" + "---|" * len(FEATURES)
    for client, engine, row in _rows(results):
        if "vectors" not in row:
            cells = [WORDS[row[name]["what"]] if name in row else "" for name in FEATURES]
            yield f"| {client} | {ENGINES[engine]} | {' | '.join(cells)} |"
    yield "\n## Embeddings\n"
    yield "| client | engine | two texts in one call, or one each |\n|---|---|---|"
    for client, engine, row in _rows(results):
        if "vectors" in row:
            yield f"| {client} | {ENGINES[engine]} | {WORDS[row['vectors']['what']]} |"
    yield "\n## How they were translated\n"
    yield "Pairs that are not here were passed on byte for byte: the engine speaks the client's format.\n"
    yield "| client | engine | way | left out and told |\n|---|---|---|---|"
    for client, engine, row in _rows(results):
        ways = sorted({one["way"] for one in row.values() if one["way"]})
        dropped = sorted({name for one in row.values() for name in one["dropped"]})
        if ways:
            yield f"| {client} | {ENGINES[engine]} | {', '.join(f'`{one}`' for one in ways)} | {', '.join(dropped)} |"
    refused = [
        (client, engine, name, one["said"])
        for client, engine, row in _rows(results)
        for name, one in row.items()
        if one["what"] == "refused"
    ]
    if refused:
        yield "\n## What was refused, and how\n"
        yield "| client | engine | asked for | said |\n|---|---|---|---|"
        for client, engine, name, said in refused:
            yield f"| {client} | {ENGINES[engine]} | {FEATURES.get(name, name)} | {said} |"
    yield ""


def _rows(results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for client in sorted(results):
        for engine in ENGINES:
            if engine in results[client]:
                yield client, engine, results[client][engine]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
