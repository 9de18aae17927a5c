"""What must never be shown: keys, tokens and passwords in names, URLs, arguments and free text.

Observations, memory and reports hold the masked form only. Masking is by shape, so it also hides a few
harmless values; a secret in an ordinary word under an ordinary name cannot be told apart and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from keepwell.core.secret_kinds import TOKEN_KINDS

#: What stands in the place of a secret.
MASK = "***"

_SECRET_NAME = re.compile(
    r"(^|[-_.])(api[-_]?keys?|keys?|tokens?|secrets?|passwords?|passwd|passphrase|credentials?|auth|authorization|cookies?|pat)($|[-_.])",
    re.IGNORECASE,
)
#: Names that look like a secret's and hold a path or a public thing.
_HARMLESS_NAME = re.compile(
    r"(^|[-_.])(file|path|dir|folder|fingerprint|public|max|tokenizer|num|count)($|[-_.])", re.IGNORECASE
)
_URL_LOGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{1,20}://)[^\s/@'\"]{1,512}@", re.IGNORECASE)
_BEARER = re.compile(r"\b(?P<kind>bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
#: Tokens that name their issuer in their first letters, each with those letters.
_KNOWN_TOKENS = tuple((one.sign, re.compile(rf"\b{re.escape(one.sign)}{one.tail}")) for one in TOKEN_KINDS)
#: Something assigned to a telling name; numbers, words of logic and markers like `<|end|>` are no secrets.
_ASSIGNED = re.compile(
    r"(?P<name>(?:api[-_]?key|token|secret|password|passwd|passphrase|authorization)"
    r"[\"']?\s{0,3}[=:]\s{0,3}[\"']?)(?![\d.]+\b|<|true\b|false\b|none\b|null\b)(?P<value>[^\s\"',;&]{4,})",
    re.IGNORECASE,
)
#: What each pattern needs, so that a line of a log without it costs a few microseconds and not fifty.
_ASSIGNED_WORDS = ("token", "secret", "passw", "passphrase", "authorization", "apikey", "api_key", "api-key")


def is_secret_name(name: str) -> bool:
    """True if a variable, setting or header of this name usually holds a secret."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return bool(_SECRET_NAME.search(spaced)) and not _HARMLESS_NAME.search(spaced)


def mask_text(text: str) -> str:
    """The text with everything that looks like a secret masked: logins in URLs, bearer tokens, known kinds of
    tokens, and what is assigned to a name like `api_key`. Lines of a log are masked fastest one by one.
    """
    low = text.lower()
    if "://" in low and "@" in low:
        text = _URL_LOGIN.sub(rf"\g<scheme>{MASK}@", text)
    if "bearer" in low or "basic" in low:
        text = _BEARER.sub(rf"\g<kind> {MASK}", text)
    for sign, pattern in _KNOWN_TOKENS:
        if sign in text:
            text = pattern.sub(MASK, text)
    if any(word in low for word in _ASSIGNED_WORDS):
        text = _ASSIGNED.sub(rf"\g<name>{MASK}", text)
    return text


def mask_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables with secrets masked, by name and by shape; an empty value stays empty."""
    masked = {}
    for name, value in environment.items():
        masked[name] = mask_text(value)
        if value and is_secret_name(name):
            masked[name] = MASK
    return masked


def mask_argv(argv: Iterable[str]) -> tuple[str, ...]:
    """The arguments with secrets masked: `--api-key VALUE`, `--api-key=VALUE`, `API_KEY=VALUE`, and by shape."""
    masked: list[str] = []
    hide = False
    for one in argv:
        name, equals, value = one.partition("=")
        flag = name.startswith("-")
        secret = (flag or bool(value)) and is_secret_name(name.lstrip("-"))
        if hide and not flag:
            masked.append(MASK)
        elif secret and equals:
            masked.append(f"{name}={MASK}")
        else:
            masked.append(mask_text(one))
        hide = secret and not equals
    return tuple(masked)
