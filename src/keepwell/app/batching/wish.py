"""What an owner wishes of `keepwell batch run`: its flags."""

from dataclasses import dataclass
from typing import Annotated

from keepwell.app.operation import Param

_OUT = "Where each line's answer goes; errors go to a file beside it (NAME.errors.jsonl). The same file goes on."
_TO = "Who is asked: an address, gateway, or an engine here; the gateway if one runs, else the one engine there is."
_ON = "Ask from the nodes of this Ray cluster: ray://HEAD:10001, or ray://auto on one of them."
_ON_RESOURCE = "Only from nodes that have so much of this resource of Ray's, NAME or NAME=AMOUNT; it is held meanwhile."
_PROMPT = "What is asked of each row, with {column} in it."
_TEMPLATE = "The same from a file (TOML or JSON): prompt or messages, system, model, parameters, custom_id."
_AT_A_TIME = "Requests at a time, or auto: found by what the engine gives."
_FALLBACK = "Another model, or MODEL@ADDRESS, for what the first cannot answer after all its tries."
_SAMPLE = "Really ask so many lines, spread over the input: show them, and estimate the whole. The job is not begun."
_ENERGY = "Stop when this machine's devices used so much meanwhile: 500Wh, 2kWh, 3MJ."
_SKIP_BAD = "Make errors of lines that cannot be read, instead of beginning nothing."


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchWish:
    """As typed."""

    input: Annotated[
        str, Param(help="OpenAI's batch format, or rows with --prompt: JSONL, CSV, Parquet; - reads it.", position=True)
    ]
    out: Annotated[str, Param(help=_OUT, short="-o")]
    to: Annotated[str, Param(help=_TO)] = ""
    on: Annotated[str, Param(help=_ON)] = ""
    on_resource: Annotated[str, Param(help=_ON_RESOURCE)] = ""
    input_format: Annotated[str, Param(help="jsonl, csv or parquet; usually by the file's name.")] = ""
    model: Annotated[str, Param(help="Ask this model, whatever the lines name.", short="-m")] = ""
    prompt: Annotated[str, Param(help=_PROMPT)] = ""
    system: Annotated[str, Param(help="The system message that goes with --prompt.")] = ""
    template: Annotated[str, Param(help=_TEMPLATE)] = ""
    concurrency: Annotated[str, Param(help=_AT_A_TIME)] = "auto"
    until: Annotated[str, Param(help="Begin nothing after this time of day (06:30) or length (8h).")] = ""
    tokens: Annotated[int, Param(help="Stop when so many tokens were read and made; 0: no limit.", minimum=0)] = 0
    energy: Annotated[str, Param(help=_ENERGY)] = ""
    timeout: Annotated[str, Param(help="The longest that one try may take.")] = "10m"
    tries: Annotated[int, Param(help="Tries of a line; usually by what went wrong.", minimum=0, maximum=1000)] = 0
    fallback: Annotated[list[str] | None, Param(help=_FALLBACK)] = None
    json_only: Annotated[bool, Param(help="Take only an answer that is JSON; ask again otherwise.")] = False
    schema: Annotated[str, Param(help="Take only an answer of this JSON Schema (a file).")] = ""
    match: Annotated[str, Param(help="Take only an answer in which this regular expression is found.")] = ""
    max_characters: Annotated[int, Param(help="Take only an answer of at most so many; 0: any.", minimum=0)] = 0
    whole: Annotated[bool, Param(help="Take no answer that was cut at the limit of tokens.")] = False
    ordered: Annotated[bool, Param(help="Write lines in the order of the input.")] = False
    skip_bad: Annotated[bool, Param(help=_SKIP_BAD)] = False
    dry_run: Annotated[bool, Param(help="Look the input through, show the first request, ask nobody.")] = False
    sample: Annotated[int, Param(help=_SAMPLE, minimum=0, maximum=1000)] = 0
    anew: Annotated[bool, Param(help="Forget what was done, and overwrite the output.")] = False
