"""What became of one feature for one client and one engine, and the file that holds all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import anthropic
import httpx
import ollama
import openai

from tests.matrix.features import FEATURES
from tests.matrix.fleet import Fleet, Served
from tests.matrix.wishes import NoSuchCall

RESULTS = Path(__file__).with_name("results.json")
#: Errors of the clients that are a sentence of the server.
SENTENCES = (openai.APIStatusError, anthropic.APIStatusError, ollama.ResponseError)


@dataclass(slots=True)
class Outcome:
    """`what`: works, dropped (told by name), refused (with a sentence), none (the client has no such call), engine (it
    was passed on, and the engine itself does not do it), or fails.

    `way` is how it was translated, "" where the engine speaks the client's format.
    """

    what: str
    way: str = ""
    dropped: list[str] = field(default_factory=list)
    said: str = ""


def try_feature(fleet: Fleet, client: str, served: Served, feature: str) -> Outcome:
    """One feature."""
    _, fields, check = FEATURES[feature]
    return _judge(fleet, lambda: check(fleet.askers[client], served), fields, lacks=feature in served.lacks)


def try_vectors(fleet: Fleet, client: str, served: Served) -> Outcome:
    """Two texts give two vectors, the same ones again and not the same as each other."""

    def check() -> None:
        ask = fleet.vectors[client]
        first, second = ask(served.vectors, ["one", "two"])
        assert len(first) == len(second) > 4
        (again,) = ask(served.vectors, ["one"])
        assert all(abs(one - other) < 1e-3 for one, other in zip(first, again, strict=True))

    return _judge(fleet, check, frozenset())


def load_results() -> dict[str, dict[str, dict[str, Outcome]]]:
    """By client, engine and feature, as they were recorded."""
    if not RESULTS.exists():
        return {}
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    return {
        client: {engine: {name: Outcome(**one) for name, one in row.items()} for engine, row in engines.items()}
        for client, engines in found.items()
    }


def save_results(client: str, engine: str, row: Mapping[str, Outcome]) -> None:
    """Put one pair's row into the file."""
    found = {
        one: {name: {feature: asdict(got) for feature, got in each.items()} for name, each in engines.items()}
        for one, engines in load_results().items()
    }
    found.setdefault(client, {})[engine] = {name: asdict(one) for name, one in row.items()}
    RESULTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _judge(fleet: Fleet, check: object, fields: frozenset[str], *, lacks: bool = False) -> Outcome:
    assert callable(check)
    fleet.heads.last = {}
    try:
        check()
    except NoSuchCall:
        return Outcome("none")
    except SENTENCES as error:
        said = _sentence(error)
        refused = 400 <= error.status_code < 500 and len(said) > 20
        return Outcome("refused" if refused else "fails", fleet.heads.way, said=said)
    except (AssertionError, ValueError, KeyError, AttributeError, httpx.HTTPError, openai.APIError) as error:
        if fields & set(fleet.heads.dropped):
            return Outcome("dropped", fleet.heads.way, fleet.heads.dropped)
        wrong = isinstance(error, (AssertionError, json.JSONDecodeError))
        if wrong and lacks:
            return Outcome("engine", fleet.heads.way, fleet.heads.dropped)
        if wrong and fleet.heads.last.get("x-keepwell-replica") and not fleet.heads.way:
            return Outcome("engine", said=str(error).partition("\n")[0])
        return Outcome("fails", fleet.heads.way, fleet.heads.dropped, f"{type(error).__name__}: {error}"[:300])
    what = "dropped" if fields & set(fleet.heads.dropped) else "works"
    return Outcome(what, fleet.heads.way, fleet.heads.dropped)


def _sentence(error: openai.APIStatusError | anthropic.APIStatusError | ollama.ResponseError) -> str:
    if isinstance(error, ollama.ResponseError):
        return error.error
    body = error.body
    while isinstance(body, dict) and "error" in body:
        body = body["error"]
    return str(body["message"]) if isinstance(body, dict) and "message" in body else error.message
