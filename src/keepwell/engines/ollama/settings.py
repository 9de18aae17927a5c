"""Ollama's settings in force and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from keepwell.core.observation import Missing
from keepwell.engines.ollama.host import clean, judge_host, same_host
from keepwell.engines.ollama.log import Told, parse_log
from keepwell.plugins.engine import Effective, Setting
from keepwell.plugins.place import ServingProcess
from keepwell.plugins.settings import Grammar, Sources, environment_of, find_setting, judge_settings
from keepwell.plugins.value_rules import Fault

#: Program of Intel's builds, which read more variables than Ollama's own, and what their log says.
INTEL_PROGRAM = "ollama-lib"
INTEL_LINE = 'msg="using Intel GPU"'
INTEL_NAMES = frozenset({"OLLAMA_NUM_GPU", "OLLAMA_SET_OT"})
#: What Go's ParseBool takes; anything else that is not empty counts as true, "off" and "no" included.
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_MEANT_FALSE = frozenset({"off", "no", "n", "none", "disable", "disabled"})
#: Go's units of time, in seconds.
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_WORDED = re.compile(
    r"\s*(\d{1,9})\s*(d|day|days|h|hr|hrs|hour|hours|m|min|mins|minute|minutes|s|sec|secs|second|seconds)\s*"
)
_MEANT_UNITS = {"d": ("h", 24), "h": ("h", 1), "m": ("m", 1), "s": ("s", 1)}
#: What OLLAMA_DEBUG is logged as.
_LEVELS = {"INFO": "0", "DEBUG": "1", "DEBUG-4": "2"}


def find_effective(
    settings: tuple[Setting, ...],
    process: ServingProcess | Missing,
    log: Sequence[str],
    version: str,
    wished: Mapping[str, str],
) -> tuple[Effective, ...]:
    """Settings in force from environment and log, then those of the children that run models."""
    told = parse_log(log)
    environment = environment_of(process)
    sources = Sources(
        environment=environment,
        logged=told.settings,
        wished=wished,
        running=not isinstance(process, Missing),
    )
    found = judge_settings(_grammar(settings, process, log, told), sources, version or told.version)
    return (*_with_thrown(settings, found, told, environment), *_children(told))


def parse_duration(value: str) -> float | None:
    """Seconds of a Go duration ("1h30m") or of a plain number of seconds; None for anything else."""
    sign = -1.0 if value.startswith("-") else 1.0
    text = value[1:] if value[:1] in ("+", "-") else value
    if re.fullmatch(r"[0-9]{1,18}", text):
        return sign * float(text)
    if not text or _PART.sub("", text):
        return None
    return sign * sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def _grammar(
    settings: tuple[Setting, ...], process: ServingProcess | Missing, log: Sequence[str], told: Told
) -> Grammar:
    """Which build it is shows in the program's name or at the start of the log; where neither does, Intel's
    variables get the benefit of the doubt.
    """
    program = "" if isinstance(process, Missing) else process.exe.rsplit("/", 1)[-1]
    intel = program == INTEL_PROGRAM or not told.settings or any(INTEL_LINE in line for line in log)
    return Grammar(
        settings=settings,
        prefixes=("OLLAMA_",),
        rules={"address": judge_host, "duration": _judge_duration, "boolean": _judge_boolean, "path": _judge_path},
        same=_same,
        clean=clean,
        also_read=INTEL_NAMES if intel else frozenset(),
    )


def _judge_duration(setting: Setting, value: str) -> Fault | None:
    if parse_duration(value) is not None:
        return None
    worded = _WORDED.fullmatch(value.lower())
    suggested = setting.default
    if worded is not None:
        unit, factor = _MEANT_UNITS[worded[2][0]]
        suggested = f"{int(worded[1]) * factor}{unit}"
    return Fault(
        problem=f"{setting.name} is {value!r}: neither a number of seconds nor a duration such as 5m or 24h; "
        f"Ollama takes its default {setting.default} and says nothing",
        suggested=suggested,
    )


def _judge_boolean(setting: Setting, value: str) -> Fault | None:
    if value in _TRUE or value in _FALSE:
        return None
    suggested = "0" if value.lower() in _MEANT_FALSE else "1"
    return Fault(
        problem=f"{setting.name} is {value!r}: neither 1, 0, true nor false, and Ollama takes any such value for true",
        suggested=suggested,
    )


def _judge_path(setting: Setting, value: str) -> Fault | None:
    if value.startswith("/"):
        return None
    if value.startswith(("~", "$")) or "${" in value:
        return Fault(problem=f"{setting.name} is {value!r}: nothing expands it outside a shell, write the whole path")
    return Fault(
        problem=f"{setting.name} is {value!r}: a path that does not begin with / depends on the folder that the server "
        "was started in"
    )


def _same(setting: Setting, one: str, other: str) -> bool:
    if setting.kind == "address":
        return same_host(one, other)
    if setting.kind == "duration":
        first, second = parse_duration(one), parse_duration(other)
        # For ever is logged as the largest duration of Go, some 292 years.
        return first is not None and second is not None and _ever(first) == _ever(second)
    if setting.kind == "boolean":
        return (one not in _FALSE) == (other not in _FALSE)
    if setting.kind == "list":
        return set(_items(one)) <= set(_items(other)) or set(_items(other)) <= set(_items(one))
    if setting.name == "OLLAMA_DEBUG":
        return _level(one) == _level(other)
    return one.rstrip("/") == other.rstrip("/")


def _ever(seconds: float) -> float:
    return -1.0 if seconds < 0 or seconds > 9e9 else seconds


def _level(value: str) -> str:
    value = _LEVELS.get(value, value)
    return "1" if value in _TRUE else "0" if value in _FALSE else value


def _items(value: str) -> list[str]:
    return [one for one in re.split(r"[,\s]+", value.strip("[] ")) if one]


def _with_thrown(
    settings: tuple[Setting, ...],
    found: tuple[Effective, ...],
    told: Told,
    environment: Mapping[str, str] | None,
) -> tuple[Effective, ...]:
    """What was found, and for a process that cannot be looked into also the values that its log says it threw away."""
    if environment is not None or not told.thrown:
        return found
    thrown = {}
    for name, value in told.thrown.items():
        setting = find_setting(settings, name)
        default = setting.default if setting is not None else ""
        thrown[name] = Effective(
            name=name,
            value=value,
            origin="log",
            problem=f"Ollama threw {value!r} away for {name} at start and took its default",
            kind="malformed",
            suggested=default,
        )
    return (*(one for one in found if one.name not in thrown), *thrown.values())


def _children(told: Told) -> tuple[Effective, ...]:
    """The flags of the newest child (the one that was started last)."""
    if not told.children:
        return ()
    newest = list(told.children.values())[-1]
    return tuple(Effective(name=f"child {flag}", value=value, origin="log") for flag, value in newest.items())
