"""Advice: the fix for the supervisor that is there, as exact commands, its blanks filled from the evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import itemgetter

from keepwell.core.hypothesis import AdvisedFix
from keepwell.core.issue import Command, Fix
from keepwell.core.secret import MASK

#: A blank in a command or sentence. `{{...}}` (templates) and `{print $1}` (awk) are none.
BLANK = re.compile(r"(?<!\{)\{([a-z][a-z0-9_]*)\}(?!\})")
#: An argument that stands for the engine's whole start command, and one for its restart.
START, RESTART = "{start_argv}", "{restart_argv}"
#: The blank in place of a secret in a start command: keepwell keeps none, so that the owner has to fill it in.
SECRET = "secret"

# How each supervisor restarts what it runs; a plain process is ended and started anew.
_RESTARTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "systemd": (("systemctl", "restart", "{unit}"),),
    "launchd": (("launchctl", "kickstart", "-k", "{unit}"),),
    "container": (("docker", "restart", "{unit}"),),
    "process": (("kill", "{pid}"), (START,)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What fills blanks: facts of the evidence, the supervisor's kind, its start and restart commands ("" or ()
    where they are not known). `beside` is the supervisor of an engine that the cause is not about, and that is to be
    restarted once the cause is mended: it chooses no fix.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    supervisor: str = ""
    beside: str = ""
    start: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


def choose_fix(fixes: Sequence[Fix], setting: Setting) -> Fix | None:
    """The fix that fits best: its supervisor is there and its facts hold, the most special one first.

    Where the supervisor or a fact is not known (pasted text), a fix that asks for neither goes first.
    """
    ranked = [(_fitness(fix, setting), -index, fix) for index, fix in enumerate(fixes) if _may_fit(fix, setting)]
    if not ranked:
        return None
    return max(ranked, key=itemgetter(0, 1))[2]


def advise(fixes: Sequence[Fix], setting: Setting) -> AdvisedFix | None:
    """The chosen fix with its blanks filled; None when the issue has none for this supervisor."""
    fix = choose_fix(fixes, setting)
    if fix is None:
        return None
    raw = [one for command in fix.commands for one in _spell_restart(command, setting)]
    texts = [*(item for one in raw for item in one.argv), fix.say, fix.side_effects, fix.undo]
    return AdvisedFix(
        say=fill(fix.say, setting.facts),
        supervisor=fix.supervisor,
        commands=tuple(expand(one, setting) for one in raw),
        side_effects=fill(fix.side_effects, setting.facts),
        undo=fill(fix.undo, setting.facts),
        missing=tuple(dict.fromkeys(_find_missing(texts, setting))),
    )


def fill(text: str, facts: Mapping[str, str]) -> str:
    """The text with `{name}` replaced by that fact; one that is not known is shown as `<name>`."""

    def fact(found: re.Match[str]) -> str:
        return facts.get(found.group(1)) or f"<{found.group(1)}>"

    return BLANK.sub(fact, text)


def expand(command: Command, setting: Setting) -> Command:
    """The command with facts filled in and `{start_argv}` replaced by the engine's whole start command.

    Variables that the command itself sets (`env K=V {start_argv}`) or unsets (`env -u K`) win over the start's.
    """
    argv: list[str] = []
    for item in command.argv:
        if item == START and setting.start:
            argv += (one.replace(MASK, f"<{SECRET}>") for one in _under(argv, setting.start))
        else:
            argv.append(fill(item, setting.facts))
    return replace(command, argv=tuple(argv))


def _under(before: Sequence[str], start: Sequence[str]) -> Iterator[str]:
    """The start command without those of its own variables that the words before it set or unset."""
    named = {item.partition("=")[0] for item in before if "=" in item}
    named |= {after for item, after in pairwise(before) if item == "-u"}
    setting = start[0] == "env"
    for item in start:
        name, equals, _ = item.partition("=")
        setting = setting and (item == "env" or bool(equals))
        if not (setting and name in named):
            yield item


def _spell_restart(command: Command, setting: Setting) -> Iterator[Command]:
    if RESTART not in command.argv:
        yield command
        return
    argvs = _RESTARTS.get(setting.supervisor or setting.beside, _RESTARTS["systemd"])
    if setting.restart:
        argvs = (setting.restart,)
    for argv in argvs:
        yield replace(command, argv=argv, background=argv == (START,))


def _find_missing(texts: Iterable[str], setting: Setting) -> Iterator[str]:
    for text in texts:
        if text == START and setting.start:
            yield from [SECRET] * any(MASK in one for one in setting.start)
            continue
        yield from (name for name in BLANK.findall(text) if not setting.facts.get(name))


def _may_fit(fix: Fix, setting: Setting) -> bool:
    if any(setting.facts.get(key, value) != value for key, value in fix.where.items()):
        return False
    return not setting.supervisor or fix.supervisor in ("any", setting.supervisor)


def _fitness(fix: Fix, setting: Setting) -> tuple[int, int, bool, bool]:
    held = sum(key in setting.facts for key in fix.where)
    return held - len(fix.where), held, fix.supervisor == setting.supervisor, fix.supervisor == "any"
