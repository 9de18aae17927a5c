"""Three ways to nominate the lines that may hold a signature; `scan` then asks Python's `re` about each.

Hyperscan takes all signatures in one pass; where there is no wheel of it, Aho-Corasick looks for texts that
each signature must contain; where that is missing too, `bytes.find` does, one by one. All give the same hits.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence

from keepwell.diagnose.automaton import HyperscanMatcher
from keepwell.diagnose.literals import AhoCorasickMatcher, FindMatcher
from keepwell.diagnose.nomination import MakeMatcher, Matcher

#: Matchers by name, best first, each with the module that it needs.
MATCHERS: Mapping[str, tuple[str, MakeMatcher]] = {
    "hyperscan": ("hyperscan", HyperscanMatcher),
    "aho-corasick": ("ahocorasick_rs", AhoCorasickMatcher),
    "find": ("", FindMatcher),
}


def make_matcher(patterns: Sequence[str], once: frozenset[str] = frozenset(), name: str = "") -> Matcher:
    """The matcher of this name; "" gives the best whose module is installed, in no hurry to compile."""
    if name:
        return MATCHERS[name][1](patterns, once)
    if importlib.util.find_spec("hyperscan"):
        return HyperscanMatcher(patterns, once, patient=True)
    if importlib.util.find_spec("ahocorasick_rs"):
        return AhoCorasickMatcher(patterns, once)
    return FindMatcher(patterns, once)
