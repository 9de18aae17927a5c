"""vLLM's settings: flags, variables, and what its log says of both."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

from keepwell.core.observation import Missing, failed, unknown
from keepwell.formats.flags import FlagTable, ParsedFlags, after_program, parse_flags
from keepwell.plugins.engine import Effective, Setting
from keepwell.plugins.engine_data import EngineData
from keepwell.plugins.place import ServingProcess
from keepwell.plugins.settings import Grammar, Sources, environment_of, judge_settings, nearest_name
from keepwell.plugins.value_rules import COMMON_RULES, Fault

#: The module that older start scripts run instead of `vllm serve`.
MODULE = "vllm.entrypoints.openai.api_server"
_ARGUMENTS = re.compile(r"non-default args: (\{.*\})")
_PAIR = re.compile(r"'([a-z_0-9]{1,60})': (?:'([^']*)'|\"([^\"]*)\"|([^,{}\[\]]+))")
_UNKNOWN = re.compile(r"Unknown vLLM environment variable detected: ([A-Z0-9_]{1,80})")
_VERSION = re.compile(r"(?:vLLM API server version|Initializing a V1 LLM engine \(v)\s?([0-9][0-9A-Za-z.+-]{0,30})")
#: "1k", "25.6k", "2M": the parser takes decimal (k) and binary (K) suffixes.
_SIZE = re.compile(r"-?\d+(?:\.\d+)?[kKmMgGtT]?")
#: Characters of a logged mapping that are read.
MAX_ARGUMENTS = 64 * 1024


def flag_table(settings: tuple[Setting, ...]) -> FlagTable:
    """How to read a command line by the table of settings."""
    valued: dict[str, str] = {}
    switches: dict[str, tuple[str, str]] = {}
    for one in settings:
        for spelling in (one.flag, *one.aliases):
            if spelling and one.kind == "boolean":
                switches[spelling] = (one.name, "false" if spelling.startswith("--no-") else "true")
            elif spelling:
                valued[spelling] = one.name
    return FlagTable(valued=valued, switches=switches)


def find_flags(argv: Sequence[str], table: FlagTable) -> ParsedFlags:
    """The flags of `vllm serve MODEL ...` or of the older module; the model as --model."""
    rest = after_program(argv, (MODULE, "api_server.py"))
    served = after_program(argv, ("vllm",))
    if rest is None and served is not None and served[:1] == ("serve",):
        rest = served[1:]
    parsed = parse_flags(rest or (), table)
    if rest and not rest[0].startswith("-") and "--model" not in parsed.values:
        return ParsedFlags(values={"--model": rest[0], **parsed.values}, alone=parsed.alone[1:], unknown=parsed.unknown)
    return parsed


def find_address(flags: Mapping[str, str]) -> tuple[str, int] | Missing:
    """Where a server with these flags binds: all addresses and port 8000 unless told otherwise."""
    if flags.get("--uds"):
        return unknown(f"the server listens on a UNIX socket: {flags['--uds']}")
    if flags.get("--config") and not flags.get("--port"):
        return unknown(f"the address may stand in {flags['--config']}")
    port = flags.get("--port") or "8000"
    if not (port.isascii() and port.isdigit() and 0 < int(port[:9]) <= 65535):
        return failed(f"the port {port!r} is malformed")
    return (flags.get("--host") or "0.0.0.0").strip("[]"), int(port)


def find_effective(
    data: EngineData,
    process: ServingProcess | Missing,
    flags: Mapping[str, str],
    log: Sequence[str],
    version: str,
    wished: Mapping[str, str],
) -> tuple[Effective, ...]:
    """Settings in force from arguments, environment and the line of non-default arguments."""
    logged, told_version, unknowns = _read_log(data.settings, log)
    sources = Sources(
        environment=environment_of(process),
        arguments=flags,
        logged=logged,
        wished=wished,
        running=not isinstance(process, Missing),
    )
    grammar = Grammar(
        settings=data.settings,
        prefixes=("VLLM_",),
        rules={"integer": _judge_size, "port": _judge_port},
        same=_same,
        also_read=frozenset(data.also_read),
    )
    release = version or told_version
    found = judge_settings(grammar, sources, release)
    known = {one.name for one in found if one.kind == "unread"}
    more = [
        Effective(
            name=name,
            value="",
            origin="log",
            problem=f"the server says that it does not know {name}",
            kind="unread",
            nearest=nearest_name(name, data.settings, release),
        )
        for name in unknowns
        if name not in known
    ]
    return (*(one for one in found if one.name not in unknowns or one.kind == "unread"), *more)


def parse_arguments(line: str) -> dict[str, str]:
    """The arguments of a `non-default args` line by flag; {} for any other line. Never raises."""
    found = _ARGUMENTS.search(line[:MAX_ARGUMENTS])
    if found is None:
        return {}
    try:
        value: object = ast.literal_eval(found[1])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        # Some releases write objects into the mapping that are no literals.
        value = {name: one or two or three for name, one, two, three in _PAIR.findall(found[1])}
    if not isinstance(value, dict):
        return {}
    return {_flag(str(name)): _text(one) for name, one in value.items()}


def _flag(name: str) -> str:
    return "--model" if name == "model_tag" else "--" + name.replace("_", "-")


def _text(value: object) -> str:
    if isinstance(value, list):
        return " ".join(str(one) for one in value)
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value).strip()


def _read_log(settings: tuple[Setting, ...], log: Sequence[str]) -> tuple[dict[str, str], str, tuple[str, ...]]:
    known = {one.name for one in settings}
    logged: dict[str, str] = {}
    version = ""
    unknowns: dict[str, None] = {}
    for line in log:
        if "non-default args" in line:
            logged = {name: value for name, value in parse_arguments(line).items() if name in known}
        elif "version" in line or "LLM engine (v" in line:
            found = _VERSION.search(line)
            version = found[1] if found is not None else version
        elif (unread := _UNKNOWN.search(line)) is not None:
            unknowns[unread[1]] = None
    return logged, version, tuple(unknowns)


def _judge_size(setting: Setting, value: str) -> Fault | None:
    """Flags take suffixes; variables do not."""
    if setting.flag and _SIZE.fullmatch(value):
        return None
    return COMMON_RULES["integer"](setting, value)


def _judge_port(setting: Setting, value: str) -> Fault | None:
    if "://" in value:
        return Fault(
            problem=f"{setting.name} is {value!r}, an address: Kubernetes sets such a variable for a service of this "
            "name; rename the service or unset the variable"
        )
    return COMMON_RULES["port"](setting, value)


def _same(setting: Setting, one: str, other: str) -> bool:
    if setting.kind == "boolean":
        return (one.lower() in ("true", "1")) == (other.lower() in ("true", "1"))
    if setting.kind == "number":
        try:
            return float(one) == float(other)
        except ValueError:
            return False
    return one.strip() == other.strip()
