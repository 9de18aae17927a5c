"""All that is looked for: secrets, identities, and the names that were learned of one machine."""

from __future__ import annotations

import re

from keepwell.redact.identities import IDENTITIES
from keepwell.redact.people import People
from keepwell.redact.rule import Rule
from keepwell.redact.secrets import SECRETS

#: Everything that is looked for without knowing the machine, in the order in which it is applied.
RULES: tuple[Rule, ...] = SECRETS + IDENTITIES


def rules_about(people: People) -> tuple[Rule, ...]:
    """`RULES`, then one for every name that was learned of this machine."""
    made = list(RULES)
    for kind, names in (("name", people.full_names), ("user", people.users), ("host", people.hosts)):
        for name in sorted(names, key=_by_length):
            lead = "".join(rf"\x{one:02x}" for one in name.lower())
            pattern = re.compile(rb"(?<![A-Za-z0-9_])(?P<x>" + re.escape(name) + rb")(?![A-Za-z0-9_])")
            made.append(Rule(kind=kind, leads=(lead,), pattern=pattern))
    return tuple(made)


def _by_length(name: bytes) -> tuple[int, bytes]:
    return (-len(name), name)
