"""A secret by where it stands, for the entries of keepwell.toml that need one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Where a secret stands: the name of an environment variable or the path of a file; never the secret."""

    env: str = ""
    file: str = ""
