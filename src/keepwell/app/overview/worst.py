"""What is not well, of what and how badly: findings by subject and by node. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from keepwell.config.model import Config
from keepwell.core.finding import Finding
from keepwell.fleet.decisions import decide


@dataclass(slots=True)
class Worst:
    """The worst finding of each subject (by the text of its Ref) and of each node."""

    of_subject: dict[str, Finding] = field(default_factory=dict)
    of_node: dict[str, Finding] = field(default_factory=dict)


def find_worst(findings: Iterable[Finding], config: Config, now: float) -> Worst:
    """Without those that the owner decided on or wants no word of."""
    bad = tuple(one for one in findings if one.bad and not _is_ignored(one, config.alerts.ignore))
    if config.decisions and bad:
        bad = decide(bad, config.decisions, datetime.fromtimestamp(now).date()).open
    worst = Worst()
    for one in bad:
        _put(worst.of_subject, str(one.subject), one)
        _put(worst.of_node, one.subject.node, one)
    return worst


def _put(found: dict[str, Finding], name: str, one: Finding) -> None:
    old = found.get(name)
    if old is None or one.status > old.status:
        found[name] = one


def _is_ignored(finding: Finding, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(finding.check, pattern) for pattern in patterns)
