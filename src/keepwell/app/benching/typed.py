"""What can be typed behind `keepwell bench`, as it is typed. Imported with every command, so it imports nothing."""

from dataclasses import dataclass
from typing import Annotated

from keepwell.app.operation import Param

_WHAT = 'An engine, a model, an address, or "gateway"; what is here if left out.'
_LOAD = (
    "8: clients, each sends when its last answer is there. 5/s: a second, whatever is answered; poisson:5/s, "
    "ramp:1/s-20/s. sweep: more and more clients until it is too much; sweep:rate. replay:FILE, replay:recorded."
)
_LENGTH = "128, normal:MEAN:DEVIATION, lognormal:MEAN:DEVIATION, uniform:LEAST:MOST"
_SECONDS = "For how long, each stretch of a sweep; usually 20 s, and 10 s a stretch."
_UNCHECKED = "Leave out the look at how far this client is off: two seconds after each stretch."
_PATH = "Ask this path; native: the engine's own. Usually /v1/chat/completions."


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The words, without their meaning; `keepwell.app.benching.wish` reads them."""

    what: Annotated[str, Param(help=_WHAT, position=True)] = ""
    load: Annotated[str, Param(help=_LOAD)] = "1"
    seconds: Annotated[int, Param(help=_SECONDS, minimum=0, maximum=604_800)] = 0
    requests: Annotated[int, Param(help="End after so many requests.", minimum=0, maximum=10_000_000)] = 0
    goal: Annotated[str, Param(help="What a request has to keep to: ttft=500ms,itl=50ms; also tpot, e2e.")] = ""
    model: Annotated[str, Param(help="The model; the one in memory if left out.")] = ""
    prompts: Annotated[str, Param(help="made, recorded (of the gateway's record), or a FILE of JSON lines.")] = "made"
    input: Annotated[str, Param(help=f"Tokens of made prompts: {_LENGTH}.")] = "128"
    output: Annotated[str, Param(help="Tokens of answers at most, in the same words.")] = "64"
    turns: Annotated[int, Param(help="Turns of a conversation.", minimum=1, maximum=100)] = 1
    shared_prefix: Annotated[int, Param(help="Tokens with which all prompts begin alike.", minimum=0)] = 0
    path: Annotated[str, Param(help=_PATH)] = ""
    seed: Annotated[int, Param(help="Another number: other lengths and instants.")] = 1
    unchecked: Annotated[bool, Param(help=_UNCHECKED)] = False
    csv: Annotated[str, Param(help="Also write a row a request to this file.")] = ""
    baseline: Annotated[bool, Param(help="Also keep it as what is normal here; later ones are judged by it.")] = False
