"""Made incidents and examples for the tests of fitting: three causes whose lines are told apart by signatures."""

from __future__ import annotations

import random

from keepwell.core.issue import Case, Evidence, Issue
from keepwell.diagnose.catalogue import Catalogue
from keepwell.diagnose.issue_file import patterns_of
from keepwell.learning.examples import FEATURES, Example
from keepwell.learning.labelled import Labelled
from keepwell.scan.signature import make_signature


def make_catalogue() -> Catalogue:
    """Three causes."""
    issues = (
        _issue(
            "disk-full", "storage", "no space left on device", "the model could not be stored, the disk has no room"
        ),
        _issue("port-held", "network", "address already in use", "another program listens on the port"),
        _issue("driver-old", "gpu", "driver version is insufficient", "the card's driver is older than the runtime"),
    )
    patterns = dict.fromkeys(pattern for issue in issues for pattern in patterns_of(issue))
    return Catalogue(
        issues={issue.id: issue for issue in issues},
        signatures={pattern: make_signature(pattern) for pattern in patterns},
    )


def make_incidents() -> list[Labelled]:
    """Incidents of these causes from four repositories, some told in words only."""
    texts = {
        "disk-full": ("write blob: no space left on device", "pulling stops, the disk has no room for the model"),
        "port-held": ("listen tcp: bind: address already in use", "it says another program listens on its port"),
        "driver-old": ("CUDA driver version is insufficient", "the driver of my card is older than it wants"),
    }
    families = {"disk-full": "storage", "port-held": "network", "driver-old": "gpu"}
    return [
        Labelled(
            id=f"{cause}-{place}-{number}",
            evidence=f"{text}\nrun {number} on machine {place}",
            cause=cause,
            family=families[cause],
            thread=f"owner/repo{place}#{number}{cause}",
        )
        for cause, told in texts.items()
        for number, text in enumerate(told)
        for place in range(4)
    ]


def make_examples(count: int, *, lapse: float = 0.0, seed: int = 1) -> list[Example]:
    """Examples in which the cause with most evidence is right as often as odds of 1 : exp(-evidence) say."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        strength = chance.choice((1.0, 2.0, 3.0, 4.0))
        sure = 1 / (1 + 2.718281828 ** (-strength))
        right = int(chance.random() >= sure)
        if chance.random() < lapse:
            right = -1
        incident = Labelled(id=f"i{number}", evidence="", cause=("a", "b", "c")[right], thread=f"o/r{number}#1")
        strong = (strength, *(0.0 for _ in FEATURES[1:]))
        weak = tuple(0.0 for _ in FEATURES)
        made.append(
            Example(incident=incident, issues=("a", "b"), families=("f", "g"), numbers=(strong, weak), right=right)
        )
    return made


def _issue(name: str, family: str, pattern: str, definition: str) -> Issue:
    return Issue(
        id=name,
        title=name.replace("-", " "),
        family=family,
        definition=definition,
        prior=0.1,
        evidence=(Evidence(say=f"a line says: {pattern}", match=(pattern,), weight=4),),
        cases=(Case(name="a line", text=pattern),),
    )
