"""Judging an engine's settings: what is in force, what is malformed, what nobody reads. Pure.

An engine brings a table of settings as data, the values that it found (environment, arguments, log, start
files) and, where its grammar is its own, rules by kind of value. What is common stands here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from keepwell.core.observation import Missing
from keepwell.core.secret import MASK
from keepwell.plugins.engine import Effective, Setting
from keepwell.plugins.place import ServingProcess
from keepwell.plugins.value_rules import COMMON_RULES, NEAREST_RATIO, Fault, Rule

Same: TypeAlias = Callable[[Setting, str, str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """How an engine reads its settings.

    `prefixes` are those of variables that are its own (a variable with one that is not in the table is
    never read). `rules` judge values by kind, before the common ones. `same` says whether two spellings of a
    value mean the same. `clean` undoes what the engine itself strips. `blank_is_unset`: an empty value counts
    as none. `also_read` are further names that it reads and that carry no meaning here.
    """

    settings: tuple[Setting, ...]
    prefixes: tuple[str, ...] = ()
    rules: Mapping[str, Rule] = field(default_factory=dict)
    same: Same | None = None
    clean: Callable[[str], str] = str
    blank_is_unset: bool = True
    also_read: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where values were found, each by setting name. `environment` is None when it could not be read."""

    environment: Mapping[str, str] | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    logged: Mapping[str, str] = field(default_factory=dict)
    wished: Mapping[str, str] = field(default_factory=dict)
    running: bool = False


def judge_settings(grammar: Grammar, sources: Sources, version: str) -> tuple[Effective, ...]:
    """Every setting that is in force or wished, judged. Never raises; cost is linear in the names."""
    names = dict.fromkeys([*sources.arguments, *_own_variables(grammar, sources), *sources.logged, *sources.wished])
    found = (_judge_one(grammar, sources, version, name) for name in names)
    return tuple(one for one in found if one is not None)


def judge_value(grammar: Grammar, setting: Setting, value: str) -> Fault | None:
    """What is wrong with a value, by the engine's rule for its kind or else the common one."""
    rule = grammar.rules.get(setting.kind) or COMMON_RULES.get(setting.kind)
    if rule is None or (setting.choices and value in setting.choices):
        return None
    return rule(setting, value)


def is_read(setting: Setting, version: str) -> bool:
    """True if this release reads the setting, or if the release is not known."""
    release = parse_release(version)
    if not release:
        return True
    since, until = parse_release(setting.since), parse_release(setting.until)
    return since <= release and (not until or release[: len(until)] <= until)


def is_since(version: str, since: str) -> bool:
    """True if this release is that one or a later one; False where it is not known."""
    return parse_release(since) <= parse_release(version)


def parse_release(version: str) -> tuple[int, ...]:
    """The numbers of a release ("0.9.3" and "v0.9.3-rc1" to (0, 9, 3), "b11434" to (11434,)); () if there are none."""
    found = re.match(r"[vb]?(\d{1,9}(?:\.\d{1,9})*)", version.strip())
    if found is None:
        return ()
    return tuple(int(part) for part in found[1].split("."))


def nearest_name(name: str, settings: Iterable[Setting], version: str) -> str:
    """The setting that this release reads whose name resembles this one most; "" if none does."""
    known = [one.name for one in settings if is_read(one, version)]
    near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=NEAREST_RATIO)
    return "".join(near)


def find_setting(settings: Iterable[Setting], name: str) -> Setting | None:
    """The setting of this name, flag or other spelling."""
    for one in settings:
        if name in (one.name, one.flag, *one.aliases):
            return one
    return None


def _own_variables(grammar: Grammar, sources: Sources) -> list[str]:
    """Variables of the process that are in the table or carry the engine's prefix."""
    if sources.environment is None:
        return []
    known = {one.name for one in grammar.settings}
    return [name for name in sources.environment if name in known or name.startswith(grammar.prefixes or ("\0",))]


def _judge_one(grammar: Grammar, sources: Sources, version: str, name: str) -> Effective | None:
    setting = find_setting(grammar.settings, name)
    if setting is None:
        return _judge_unknown(grammar, sources, version, name)
    value, origin = _in_force(grammar, setting, sources)
    wished = grammar.clean(sources.wished.get(name, ""))
    if not origin and not wished:
        return None
    if not is_read(setting, version):
        problem = _why_unread(setting, version)
        return _effective(setting, value or wished, origin or "file", problem=problem, kind="unread")
    return _judge_known(grammar, sources, setting, _Held(value=value, origin=origin, wished=wished))


def _why_unread(setting: Setting, version: str) -> str:
    said = f"release {version} does not read {setting.name}"
    if parse_release(setting.since) > parse_release(version):
        return f"{said}, it came with {setting.since}"
    return f"{said} any more"


@dataclass(frozen=True, slots=True)
class _Held:
    value: str
    origin: str
    wished: str


def _judge_known(grammar: Grammar, sources: Sources, setting: Setting, held: _Held) -> Effective | None:
    """A setting that this release reads: its value's fault, else what else is in force than was wished."""
    shown = held.value
    if held.wished and (not held.origin or held.origin == "log"):
        shown = held.wished
    fault = _fault(grammar, setting, shown, held)
    if fault is not None:
        origin = {True: held.origin, False: "file"}[shown == held.value and bool(held.origin)]
        return _effective(setting, shown, origin, problem=fault.problem, kind="malformed", suggested=fault.suggested)
    if not sources.running or not held.wished:
        if not held.origin:
            return _effective(setting, held.wished, "file")
        overridden = _overridden(grammar, sources, setting, held)
        return _effective(
            setting, held.value, held.origin, problem=overridden, kind={True: "shadowed"}.get(bool(overridden), "")
        )
    return _judge_wish(grammar, sources, setting, held)


def _judge_wish(grammar: Grammar, sources: Sources, setting: Setting, held: _Held) -> Effective | None:
    if not held.origin:
        if sources.environment is None:
            return None
        problem = f"a start file sets {setting.name} to {_shown(setting, held.wished)}; the running process lacks it"
        return _effective(setting, setting.default, "file", problem=problem, kind="shadowed", wished=held.wished)
    if _same(grammar, setting, held.value, held.wished):
        return _effective(setting, held.value, held.origin)
    problem = (
        f"a start file sets {setting.name} to {_shown(setting, held.wished)}, in force is {_shown(setting, held.value)}"
    )
    return _effective(setting, held.value, held.origin, problem=problem, kind="shadowed", wished=held.wished)


def _overridden(grammar: Grammar, sources: Sources, setting: Setting, held: _Held) -> str:
    """A sentence when an argument hides a variable that says something else; "" otherwise."""
    varied = grammar.clean((sources.environment or {}).get(setting.name, ""))
    if held.origin != "argument" or not varied or _same(grammar, setting, held.value, varied):
        return ""
    return (
        f"the variable {setting.name} says {_shown(setting, varied)}, but the argument {setting.flag} "
        f"{_shown(setting, held.value)} comes first"
    )


def _in_force(grammar: Grammar, setting: Setting, sources: Sources) -> tuple[str, str]:
    """The value in force and where it was read; ("", "") when it is nowhere."""
    places = (
        (sources.arguments, "argument"),
        (sources.environment or {}, "environment"),
        (sources.logged, "log"),
    )
    for values, origin in places:
        if setting.name in values:
            value = grammar.clean(values[setting.name])
            if value or not grammar.blank_is_unset:
                return value, origin
    return "", ""


def _fault(grammar: Grammar, setting: Setting, value: str, held: _Held) -> Fault | None:
    """What is wrong with a value that a person wrote; what the engine logged itself is not judged."""
    if held.origin == "log" and not held.wished:
        return None
    if not value and grammar.blank_is_unset:
        return None
    return judge_value(grammar, setting, value)


def _judge_unknown(grammar: Grammar, sources: Sources, version: str, name: str) -> Effective | None:
    """A name that is not in the table: unread if it carries the engine's prefix, else none of its business."""
    value = (sources.environment or {}).get(name) or sources.wished.get(name, "")
    own = name.startswith(grammar.prefixes or ("\0",))
    if not own or name in grammar.also_read or name in sources.logged:
        logged = sources.logged.get(name)
        if logged:
            return Effective(name=name, value=logged, origin="log")
        return None
    origin = {True: "environment", False: "file"}[name in (sources.environment or {})]
    near = nearest_name(name, grammar.settings, version)
    return Effective(
        name=name, value=value, origin=origin, problem=f"no release reads {name}", kind="unread", nearest=near
    )


def _effective(setting: Setting, value: str, origin: str, **more: str) -> Effective:
    return Effective(name=setting.name, value=value, origin=origin, secret=setting.secret, **more)


def _same(grammar: Grammar, setting: Setting, one: str, other: str) -> bool:
    if one == other:
        return True
    return grammar.same is not None and grammar.same(setting, one, other)


def _shown(setting: Setting, value: str) -> str:
    if setting.secret:
        return MASK
    return repr(value)


def environment_of(process: ServingProcess | Missing) -> Mapping[str, str] | None:
    """The environment of a process, or None where there is no process or nothing could be read."""
    if isinstance(process, Missing):
        return None
    return process.environment or None
