"""Asking a language model about a machine without believing it: a pure conversation, events in, next action out.

What it gets is evidence with ids and a few tools that only read; what it says is taken apart into claims, and each is
held against the evidence that it cites. It is never more than words beside the ranking that was made without it.
"""

from keepwell.ask.actions import Heard, Look, Offer, Query
from keepwell.ask.evidence import Evidence, Exhibit, Piece
from keepwell.ask.limits import Limits, Spent
from keepwell.ask.talk import Talk, begin, decide, hear, learn
from keepwell.ask.tools import ParamForm, ToolForm
from keepwell.ask.verdict import Verdict

__all__ = [
    "Evidence",
    "Exhibit",
    "Heard",
    "Limits",
    "Look",
    "Offer",
    "ParamForm",
    "Piece",
    "Query",
    "Spent",
    "Talk",
    "ToolForm",
    "Verdict",
    "begin",
    "decide",
    "hear",
    "learn",
]
