"""The real llama.cpp HTTP server as a process of its own, out of the `xllamacpp` wheel (the `demo` extra).

    python -m keepwell.testing.llama_server MODEL.gguf --port 8091 [--alias NAME] [--ctx-size 2048] ...

It takes the flags and the LLAMA_ARG_* variables of `llama-server` that tests need, logs to standard error as
`llama-server` does, exits 1 when the model cannot be loaded or the port is held, and ends on SIGTERM. The port
answers (503 while the model loads) before the model is there; `GET /health` is 200 when it is ready, usually
after 0.1 to 0.25 s. One thread unless told otherwise: two are ten times slower on a busy two-core machine.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Option:
    """One option: destination in xllamacpp's parameters ("" = set by hand), flags, variable (or ""), and its type."""

    field: str
    flags: tuple[str, ...]
    variable: str
    number: bool = False


OPTIONS: tuple[_Option, ...] = (
    _Option("model.path", ("-m", "--model"), "LLAMA_ARG_MODEL"),
    _Option("", ("--host",), "LLAMA_ARG_HOST"),
    _Option("port", ("--port",), "LLAMA_ARG_PORT", number=True),
    _Option("", ("-a", "--alias"), "LLAMA_ARG_ALIAS"),
    _Option("", ("--api-key",), "LLAMA_API_KEY"),
    _Option("n_ctx", ("-c", "--ctx-size"), "LLAMA_ARG_CTX_SIZE", number=True),
    _Option("n_parallel", ("-np", "--parallel"), "LLAMA_ARG_N_PARALLEL", number=True),
    _Option("n_batch", ("-b", "--batch-size"), "LLAMA_ARG_BATCH", number=True),
    _Option("n_ubatch", ("-ub", "--ubatch-size"), "LLAMA_ARG_UBATCH", number=True),
    _Option("n_gpu_layers", ("-ngl", "--gpu-layers", "--n-gpu-layers"), "LLAMA_ARG_N_GPU_LAYERS", number=True),
    _Option("sleep_idle_seconds", ("--sleep-idle-seconds",), "", number=True),
    _Option("", ("-t", "--threads"), "LLAMA_ARG_THREADS", number=True),
)
#: Values where neither a flag nor a variable says otherwise; 8080 is llama-server's own port.
DEFAULTS: dict[str, str] = {"--host": "127.0.0.1", "--port": "8080", "--threads": "1"}
#: Flags without a value, and the parameter that each sets.
SWITCHES: dict[str, tuple[str, bool]] = {
    "--metrics": ("endpoint_metrics", True),
    "--props": ("endpoint_props", True),
    "--slots": ("endpoint_slots", True),
    "--no-slots": ("endpoint_slots", False),
    "--embeddings": ("embedding", True),
    "--no-warmup": ("warmup", False),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns 0, or 1 when the server could not start (its log says why)."""
    import xllamacpp

    wanted = _parser().parse_args(argv)
    try:
        chosen = _choose(vars(wanted), os.environ)
        parameters = _parameters(xllamacpp.CommonParams(), chosen, wanted)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    try:
        server = xllamacpp.Server(parameters)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    del server
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keepwell.testing.llama_server", description=__doc__.partition("\n")[0], allow_abbrev=False
    )
    parser.add_argument("path", nargs="?", metavar="MODEL", help="the model file, as with --model")
    for option in OPTIONS:
        parser.add_argument(
            *option.flags, dest=option.flags[-1], metavar="VALUE", help=option.variable and f"also {option.variable}"
        )
    for flag in SWITCHES:
        parser.add_argument(flag, action="store_true", dest=flag)
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="any other parameter of xllamacpp, dotted"
    )
    return parser


def _choose(given: Mapping[str, object], environment: Mapping[str, str]) -> dict[str, str]:
    """The text of every option by its last flag: from the flag, else the variable, else the default.

    Raises ValueError for a number that is none, in llama-server's words; like it, leading digits are enough.
    """
    chosen: dict[str, str] = {}
    for option in OPTIONS:
        key = option.flags[-1]
        flagged = given.get(key)
        varied = environment.get(option.variable)
        if flagged is not None and varied is not None:
            print(
                f"warn: {option.variable} environment variable is set, but will be overwritten by command line "
                f"argument {key}",
                file=sys.stderr,
            )
        value = str(flagged if flagged is not None else varied if varied is not None else DEFAULTS.get(key, ""))
        if option.number and value:
            digits = re.match(r"\s*[+-]?\d+", value)
            if digits is None and flagged is None:
                raise ValueError(f'error while handling environment variable "{option.variable}": stoi')
            if digits is None:
                raise ValueError(f'error while handling argument "{key}": stoi')
            value = digits.group().strip()
        chosen[key] = value
    chosen["--model"] = str(given.get("path") or "") or chosen["--model"]
    if not chosen["--model"]:
        raise ValueError("a model is needed: this server has no router mode")
    return chosen


def _parameters(parameters: object, chosen: Mapping[str, str], wanted: argparse.Namespace) -> object:
    for option in OPTIONS:
        value = chosen[option.flags[-1]]
        if option.field and value:
            _assign(parameters, option.field, value)
    _assign(parameters, "hostnames", [chosen["--host"]])
    for field in ("cpuparams.n_threads", "cpuparams_batch.n_threads"):
        _assign(parameters, field, chosen["--threads"])
    if chosen["--alias"]:
        _assign(parameters, "model_alias", {chosen["--alias"]})
    if chosen["--api-key"]:
        _assign(parameters, "api_keys", chosen["--api-key"].split(","))
    switched = vars(wanted)
    for flag, (field, value_of_flag) in SWITCHES.items():
        if switched[flag]:
            _assign(parameters, field, value_of_flag)
    for pair in wanted.set:
        field, _, value = pair.partition("=")
        _assign(parameters, field, value)
    return parameters


def _assign(parameters: object, field: str, value: object) -> None:
    """Set a dotted field, text turned into the type that the field has now; ValueError if there is none."""
    *path, leaf = field.split(".")
    owner = parameters
    for name in path:
        owner = getattr(owner, name, None)
    now = getattr(owner, leaf, None)
    if now is None:
        raise ValueError(f"no parameter {field}")
    if isinstance(value, str) and isinstance(now, bool):
        value = value.lower() in ("1", "true", "yes", "on")
    elif isinstance(value, str) and isinstance(now, (int, float)):
        value = type(now)(value)
    setattr(owner, leaf, value)


if __name__ == "__main__":
    raise SystemExit(main())
