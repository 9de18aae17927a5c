"""Which files hold secrets: by their names, and by a pattern that `grep -l` looks for where they lie.

So no secret is ever read: grep says names of files, never what stands in them. Both are narrow on purpose: a folder of
models is full of tokenizers, whose "tokens" are public.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from keepwell.core.secret_kinds import TOKEN_KINDS

#: Bytes of a file that may hold settings; larger ones are data.
LARGEST = 64 * 1024
_NAMES = frozenset(
    {
        ".env",
        ".git-credentials",
        ".htpasswd",
        ".netrc",
        ".pgpass",
        "credentials",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "id_rsa",
        "stored_tokens",
        "token",
    }
)
_ENDS = (".env", ".key", ".p12", ".pfx", ".keytab", ".kdbx", ".jks", ".ppk")
#: Files beside an .env that show what would stand in it.
_SAMPLES = re.compile(r"\.(example|sample|template|dist|default|md)\Z")
#: Ends of the names of files with settings; "" for none.
_SETTINGS = frozenset(
    {
        "",
        ".cfg",
        ".conf",
        ".config",
        ".cnf",
        ".env",
        ".ini",
        ".json",
        ".list",
        ".local",
        ".pem",
        ".properties",
        ".service",
        ".sh",
        ".toml",
        ".txt",
        ".yaml",
        ".yml",
    }
)
#: Issuers' tokens whose first letters are telling enough by themselves.
_SIGNS = tuple(one.sign for one in TOKEN_KINDS if len(one.sign) >= 3 and one.sign not in ("sk-", "eyJ", "SG.", "fw_"))
_NAMED = (
    "api[_-]?key|apikey|access[_-]?token|auth[_-]?token|bearer[_-]?token|hf[_-]?token|secret|secret[_-]?key|"
    "client[_-]?secret|password|passwd|passphrase"
)


def is_secret_file(name: str) -> bool:
    """Whether a file of this name is there to hold a secret."""
    low = name.lower()
    if _SAMPLES.search(low) or low.endswith(".pub"):
        return False
    return low in _NAMES or low.endswith(_ENDS) or low.startswith(".env.")


def may_hold_secret(name: str, size_bytes: int) -> bool:
    """Whether it is worth looking into a file: one of settings, and not too large for one."""
    stem, dot, end = name.rpartition(".")
    kind = (dot + end).lower() * bool(stem)
    return 0 < size_bytes <= LARGEST and kind in _SETTINGS


def grep_secrets(paths: Iterable[str]) -> tuple[str, ...]:
    """The command that prints which of these files hold a secret, a NUL after each; exit 1 for none."""
    return ("grep", "-lEIZs", "-e", PATTERN, "--", *paths)


def _pattern() -> str:
    """Extended regular expressions, as POSIX has them."""
    key = "BEGIN ([A-Z]+ )*PRIVATE KEY"
    signs = "|".join(re.sub(r"([.+*?/])", r"[\1]", one) for one in _SIGNS)
    token = f"(^|[^A-Za-z0-9_])({signs})([a-z0-9]{{1,8}}-)?[A-Za-z0-9]{{16,}}"
    value = r"""["']?[[:space:]]*[:=][[:space:]]*["']?[^][:space:]"'$<{}*()]{8,}"""
    named = f"(^|[^A-Za-z])({_NAMED}|{_NAMED.upper()}){value}"
    variable = "(^|[^A-Za-z0-9_])[A-Z0-9_]*(_TOKEN|_KEY|_SECRET|_PASSWORD)=[\"']?[A-Za-z0-9+/_.~-]{12,}"
    return "|".join((key, token, named, variable))


PATTERN = _pattern()
