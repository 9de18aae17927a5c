"""Masking: no key, token or password leaves a probe, wherever it stood.

Names are judged by their words, so that OPENAI_API_KEY is secret and TOKENIZERS_PARALLELISM or
--max-num-batched-tokens are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

#: What stands in the place of a secret.
MASK = "***"

_ALWAYS = frozenset({"secret", "secrets", "password", "passwd", "passphrase", "credential", "credentials", "token"})
_AS_LAST_WORD = frozenset({"key", "apikey", "pass", "pat"})
_PLACES = frozenset({"file", "path", "dir", "folder", "env", "name"})
_WORDS = re.compile(r"[^A-Za-z0-9]+")
_IN_URL = re.compile(r"(://)[^/\s:@]*:[^/\s@]+@")
_IN_TEXT = (
    re.compile(r"(\bBearer\s+)[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
    re.compile(r"()\b(?:sk|hf|ghp|gho|nvapi|xox[bp])[-_][A-Za-z0-9_-]{16,}"),
    re.compile(
        r"((?:api[_-]?key|apikey|passwo?r?d|secret|(?:access|auth|hf|bearer)[_-]?token)[\"']?\s*[=:]\s*[\"']?)[^\s\"',}\]]{6,}",
        re.IGNORECASE,
    ),
)


def is_secret(name: str) -> bool:
    """True if a variable or flag of this name holds a secret (not a path to one)."""
    words = [word.lower() for word in _WORDS.split(name) if word]
    if not words or words[-1] in _PLACES:
        return False
    return words[-1] in _AS_LAST_WORD or not _ALWAYS.isdisjoint(words)


def mask_value(name: str, value: str) -> str:
    """The value of a variable or flag as it may be shown."""
    if value and is_secret(name):
        return MASK
    return mask_text(value)


def mask_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment as it may be shown."""
    return {name: mask_value(name, value) for name, value in environment.items()}


def mask_arguments(argv: Sequence[str]) -> tuple[str, ...]:
    """A command line as it may be shown: `--api-key X`, `--api-key=X` and `API_KEY=X` lose their X."""
    shown: list[str] = []
    hide_next = False
    for item in argv:
        name, equals, value = item.partition("=")
        if hide_next and not item.startswith("-"):
            shown.append(MASK)
        elif equals:
            shown.append(f"{name}={mask_value(name, value)}")
        else:
            shown.append(mask_text(item))
        hide_next = item.startswith("--") and not equals and is_secret(item)
    return tuple(shown)


def mask_text(text: str) -> str:
    """A line of a log or a URL without passwords, bearer tokens and well-known kinds of keys."""
    shown = _IN_URL.sub(rf"\1{MASK}@", text)
    for pattern in _IN_TEXT:
        shown = pattern.sub(rf"\g<1>{MASK}", shown)
    return shown
