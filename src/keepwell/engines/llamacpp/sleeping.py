"""Whether a llama-server may fall asleep, and what may be asked of it without keeping it awake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keepwell.core.observation import Missing, unknown
from keepwell.plugins.place import Site

#: From this build on a question for metrics does not put the sleep off (`task_resets_idle_timer` in server-queue.cpp;
#: looked for in b11434, not in every build before, so some earlier ones are quiet too).
QUIET_BUILD = 11434
#: How it is told to sleep, and what it is without: the idle seconds that mean never.
SLEEP_FLAG, SLEEP_VARIABLE = "--sleep-idle-seconds", "LLAMA_ARG_SLEEP_IDLE_SECONDS"
NEVER = "-1"
#: Why it cannot be told.
UNSEEN = unknown("its command line, which may tell it to sleep, cannot be seen from here")


def judge_quiet(build: int, sleeps: str | Missing) -> Missing | None:
    """Why a server is not asked for its page; None where asking changes nothing."""
    if build >= QUIET_BUILD or sleeps == NEVER:
        return None
    if isinstance(sleeps, Missing):
        return unknown(f"asking would put off the sleep of a build before b{QUIET_BUILD}, and {sleeps.reason}")
    return unknown(f"asking would put off its sleep after {sleeps} idle seconds (build before b{QUIET_BUILD})")


def find_sleep(site: Site) -> str | Missing:
    """The idle seconds after which a server sleeps, "-1" for never; unknown where its process cannot be seen."""
    if isinstance(site.process, Missing):
        return UNSEEN
    return find_flag(site.process.argv, site.process.environment)


def find_flag(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """The idle seconds of a command line; the flag comes before the variable."""
    for place, item in enumerate(argv):
        if item.startswith(f"{SLEEP_FLAG}="):
            return item.partition("=")[2].strip()
        if item == SLEEP_FLAG and place + 1 < len(argv):
            return argv[place + 1].strip()
    return (environment or {}).get(SLEEP_VARIABLE, "").strip() or NEVER
