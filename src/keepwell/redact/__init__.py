"""Redaction: whatever names a person, a machine or a secret becomes a stable token; all else stays as it was.

`Redactor` rewrites bytes and texts; `Tokens` remembers which value got which token, `learn_people` finds the
names of a machine's own users, `RULES` is the list of what is looked for. Pure: nothing is read or written.
"""

from keepwell.redact.people import People, learn_people
from keepwell.redact.redactor import Redactor
from keepwell.redact.rule import Rule
from keepwell.redact.rules import RULES
from keepwell.redact.tokens import Masked, Tokens

__all__ = ["RULES", "Masked", "People", "Redactor", "Rule", "Tokens", "learn_people"]
