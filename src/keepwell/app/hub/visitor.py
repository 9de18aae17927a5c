"""Who asks the hub."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who asks: the name of the key ("" for nobody in particular), whether changes are allowed, whether they may only
    be asked for (a person approves them), and how it is known: "local" (on this machine, where no key is asked for),
    "key", "session" (a browser that signed in) or "owner".
    """

    name: str = ""
    may_change: bool = False
    may_propose: bool = False
    known_by: str = "local"
