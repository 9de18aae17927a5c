"""llama-server's settings: flags, LLAMA_ARG_* variables and what its log says of them.

A flag comes before its variable. An empty variable is not "unset": the server refuses to start with it, as
with any other value that it cannot read (measured: `error while handling environment variable ...`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from keepwell.core.observation import Missing, absent, failed
from keepwell.formats.flags import FlagTable, ParsedFlags, after_program, parse_flags
from keepwell.plugins.engine import Effective, Setting
from keepwell.plugins.place import ServingProcess
from keepwell.plugins.settings import Grammar, Sources, environment_of, find_setting, judge_settings, nearest_name
from keepwell.plugins.value_rules import COMMON_RULES, Fault

PREFIX = "LLAMA_ARG_"
_NEGATED = "LLAMA_ARG_NO_"
#: Short flags that switch off; the long ones begin with --no-.
_SHORT_NEGATIVES = frozenset({"-nkvo", "-nocb", "-no-kvu", "-nr", "-no-ag", "-ndio"})
_TRUE = frozenset({"1", "true", "on", "enabled"})
_FALSE = frozenset({"0", "false", "off", "disabled"})
_REFUSED = re.compile(r'error while handling (?:environment variable|argument) "([A-Za-z0-9_-]{1,60})": (.{0,120})')
_UNKNOWN_FLAG = re.compile(r"error: invalid argument: (--?[A-Za-z0-9_-]{1,60})")
#: Facts of a start that no flag holds: slots, tokens of each, threads.
_STARTED = re.compile(r"\b(n_slots|n_ctx_slot|n_threads|kv_unified) = '?([a-z0-9]{1,12})'?")


def flag_table(settings: tuple[Setting, ...]) -> FlagTable:
    """How to read a command line by the table of settings."""
    valued: dict[str, str] = {}
    switches: dict[str, tuple[str, str]] = {}
    for one in settings:
        for spelling in (one.flag, *one.aliases):
            if not spelling:
                continue
            if one.kind == "boolean":
                negative = spelling in _SHORT_NEGATIVES or (spelling.startswith("--no-") and spelling != one.flag)
                switches[spelling] = (one.name, "false" if negative else "true")
            else:
                valued[spelling] = one.name
    optional = frozenset(one.name for one in settings if one.kind == "choice")
    return FlagTable(valued=valued, switches=switches, optional=optional)


def find_flags(argv: Sequence[str], programs: tuple[str, ...], table: FlagTable) -> ParsedFlags:
    """The flags of a command line; those of nothing where the program does not stand in it."""
    rest = after_program(argv, programs)
    return parse_flags(rest or (), table)


def find_address(flags: Mapping[str, str], environment: Mapping[str, str]) -> tuple[str, int] | Missing:
    """The first address that a server with these binds."""
    host = flags.get("LLAMA_ARG_HOST") or environment.get("LLAMA_ARG_HOST") or "127.0.0.1"
    port = flags.get("LLAMA_ARG_PORT") or environment.get("LLAMA_ARG_PORT") or "8080"
    first = next((one.strip() for one in host.split(",") if not one.strip().endswith(".sock")), "")
    if not first:
        return absent(f"the server listens on a UNIX socket: {host}")
    if not (port.isascii() and port.isdigit() and 0 < int(port[:9]) <= 65535):
        return failed(f"the port {port!r} is malformed")
    return first.strip("[]"), int(port)


def find_effective(
    settings: tuple[Setting, ...],
    process: ServingProcess | Missing,
    flags: Mapping[str, str],
    log: Sequence[str],
    wished: Mapping[str, str],
    version: str,
) -> tuple[Effective, ...]:
    """Settings in force, what the log refused, and the facts of the start that it tells."""
    own = {one.name for one in settings}
    sources = Sources(
        environment=environment_of(process),
        arguments=flags,
        wished={name: value for name, value in wished.items() if name in own or name.startswith(PREFIX)},
        running=not isinstance(process, Missing),
    )
    negated = frozenset(_NEGATED + name.removeprefix(PREFIX) for name in own)
    grammar = Grammar(
        settings=settings,
        prefixes=(PREFIX,),
        rules={"boolean": _judge_boolean, "integer": _judge_integer, "address": _judge_address},
        same=_same,
        blank_is_unset=False,
        also_read=negated,
    )
    found = judge_settings(grammar, sources, version)
    refused = {} if sources.running else _refused(settings, log, version)
    return (*(one for one in found if one.name not in refused), *refused.values(), *_started(log))


def _judge_boolean(setting: Setting, value: str) -> Fault | None:
    if value.lower() in _TRUE or value.lower() in _FALSE:
        return None
    return Fault(problem=f"{setting.name} must be on or off, not {value!r}", suggested=setting.default or "on")


def _judge_integer(setting: Setting, value: str) -> Fault | None:
    """The server reads the leading digits and drops the rest in silence: "8k" is 8."""
    digits = re.match(r"\s*[+-]?\d+", value)
    if digits is None or digits[0] == value:
        fault = COMMON_RULES["integer"](setting, value.lstrip("+"))
        return None if fault is None or re.fullmatch(r"-\d+", value) else fault
    thousands = re.fullmatch(r"(\d{1,6})[kK]", value)
    suggested = str(int(thousands[1]) * 1024) if thousands else digits[0].strip()
    return Fault(
        problem=f"{setting.name} is {value!r}: the server reads {digits[0].strip()} and drops the rest",
        suggested=suggested,
    )


def _judge_address(setting: Setting, value: str) -> Fault | None:
    """A host alone: the port has a setting of its own, and a scheme is never read."""
    if not value:
        return Fault(problem=f"{setting.name} is empty", suggested=setting.default)
    host = value
    if "://" in value:
        host = value.partition("://")[2]
    host = host.partition("/")[0] if "://" in value else host
    if host.count(":") == 1:
        host = host.partition(":")[0]
    if host == value and not re.search(r"[\s;]", value):
        return None
    meant = re.split(r"[\s;,]", host)[0] or setting.default
    return Fault(problem=f"{setting.name} takes an address without scheme or port, not {value!r}", suggested=meant)


def _same(setting: Setting, one: str, other: str) -> bool:
    if setting.kind == "boolean":
        return (one.lower() in _TRUE) == (other.lower() in _TRUE)
    return one.strip() == other.strip()


def _refused(settings: tuple[Setting, ...], log: Sequence[str], version: str) -> dict[str, Effective]:
    """Settings that a server which is not running refused at its last start, by name."""
    found: dict[str, Effective] = {}
    for line in log:
        match = _REFUSED.search(line)
        if match is not None:
            setting = find_setting(settings, match[1])
            name = setting.name if setting is not None else match[1]
            problem = f"the server refused {match[1]} at start: {match[2].strip()}"
            default = setting.default if setting is not None else ""
            found[name] = Effective(
                name=name, value="", origin="log", problem=problem, kind="malformed", suggested=default
            )
        unknown = _UNKNOWN_FLAG.search(line)
        if unknown is not None:
            found[unknown[1]] = Effective(
                name=unknown[1],
                value="",
                origin="log",
                problem=f"this build has no flag {unknown[1]} and ends at start",
                kind="unread",
                nearest=_nearest_flag(settings, unknown[1], version),
            )
    return found


def _nearest_flag(settings: tuple[Setting, ...], flag: str, version: str) -> str:
    variable = PREFIX + flag.lstrip("-").upper().replace("-", "_")
    near = find_setting(settings, nearest_name(variable, settings, version))
    return (near.flag or near.name) if near is not None else ""


def _started(log: Sequence[str]) -> tuple[Effective, ...]:
    found: dict[str, str] = {}
    for line in log:
        found |= dict(_STARTED.findall(line))
    return tuple(Effective(name=name, value=value, origin="log") for name, value in found.items())
