"""Lines that hold a secret: they are shown masked, and stand in no patch."""

from __future__ import annotations

import re

from keepwell.core.secret import MASK, is_secret_name, mask_text

#: What people write where a client asks for a key and the server asks for none.
_PLACEHOLDERS = re.compile(
    r"(?:empty|none|null|nil|no[-_]?(?:api[-_]?)?key[\w-]*|not[-_]?(?:needed|required|used)|n/?a|dummy[\w-]*|fake[\w-]*|"
    r"test[\w-]*|local[\w-]*|your[\w-]*|change[-_]?me|example|placeholder|x{3,}|\*+|token-abc123|lm-studio|"
    r"sk-(?:no|not|none|xxx|dummy|fake|test|1234|local|empty|your)[\w.-]*|sk-|na|bearer|secret|token|password|string)",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    r"(?P<head>(?P<name>[A-Za-z][\w-]{1,60})(?:\\?[\"'])?\s*(?:=>|:=|[=:])\s*)"
    r"(?:(?P<quote>\\?[\"'])(?P<quoted>[^\"'\\]*)|(?P<value>[^\s\"',;)}\\]*))"
)
#: A value that is worked out, filled in, or the name of something.
_WORKED_OUT = re.compile(r"[$({\[]|^(?:os|process|settings|config|self|this|env|args|import)\b|\.\w+\.")


def mask_line(line: str) -> str:
    """The line with every secret masked; the same line where it holds none."""
    masked = _ASSIGNED.sub(_hide, line)
    if _masks(masked):
        return mask_text(masked)
    return masked


def _masks(line: str) -> bool:
    """Whether something is a secret by its shape, whatever it is called."""
    bare = _ASSIGNED.sub(_neutral, line)
    return mask_text(bare) != bare


def _hide(found: re.Match[str]) -> str:
    if _is_secret(found):
        return f"{found['head']}{found['quote'] or ''}{MASK}"
    return found[0]


def _neutral(found: re.Match[str]) -> str:
    """What is assigned to a secret's name and is none, made too short to be taken for one."""
    if is_secret_name(found["name"]) and not _is_secret(found):
        return f"{found['head']}{found['quote'] or ''}x"
    return found[0]


def _is_secret(found: re.Match[str]) -> bool:
    value = found["quoted"] or found["value"] or ""
    if len(value) < 4 or not is_secret_name(found["name"]):
        return False
    plain = "key" in found["name"].lower() and re.fullmatch(r"[a-z]{2,9}", value)
    if plain or _PLACEHOLDERS.fullmatch(value) or _WORKED_OUT.search(value):
        return False
    return bool(found["quoted"]) or re.search(r"\d", value) is not None or len(value) >= 20
