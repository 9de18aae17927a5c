"""Scale: how much each kind of evidence counts, by constants for what was looked at, by a fit for pasted texts.

A machine that is looked at tells by checks, whose weights its authors gave. A pasted text tells by signatures and by
its likeness to known texts; what these are worth is fitted on labelled incidents (`scripts/fit.py`).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from keepwell.recall.entry import Near

#: What `scripts/fit.py` wrote: the scale of pasted texts and the table of how often answers were right.
FITTED = Path(__file__).with_name("fitted.json")
#: Added to a likeness (0..1) before its logarithm: below this, two texts have nothing in common.
ALIKE_FLOOR = 0.01
#: Likeness counts up to so many powers of e, and down to so many: what is more or less alike than that tells nothing
#: more (measured: docs/accuracy.md).
MOST_ALIKE, LEAST_ALIKE = 1.2, -0.5
#: What is told at most where nothing but likeness speaks: reports of healthy cards are like some cause too.
ALONE_AT_MOST = 0.59
#: From this probability on an answer is a confident one; what is told of one that is not quite.
CONFIDENT, BELOW_CONFIDENT = 0.8, 0.79


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What counts how much, in natural-log odds before they are divided by `temperature`.

    `prior_share`: of ln(prior). `unknown`: the score of "none of these". `spoke`: added where any evidence speaks for
    a cause. `words` and `letters`: for each factor e by which a text is more alike to what is known of a cause than
    `usual_words` and `usual_letters`, which most causes do not reach, within `MOST_ALIKE` and `LEAST_ALIKE`. `lapse`:
    the share of answers that go wrong whatever the evidence says. `sure_from`: confidences from 0.8 up to this one are
    told as just below 0.8, because too many such answers were wrong for a confident one.
    """

    temperature: float
    prior_share: float
    unknown: float
    spoke: float = 0.0
    words: float = 0.0
    letters: float = 0.0
    usual_words: float = 0.03
    usual_letters: float = 0.06
    lapse: float = 0.0
    sure_from: float = CONFIDENT

    def tell(self, confidence: float) -> float:
        """The confidence that is told."""
        if CONFIDENT <= confidence < self.sure_from:
            return BELOW_CONFIDENT
        return confidence

    def worth_of(self, near: Near | None) -> float:
        """What likeness counts for; a cause that is not near at all has the least there is."""
        words, letters = self.likeness(near)
        return self.words * words + self.letters * letters

    def likeness(self, near: Near | None) -> tuple[float, float]:
        """By which power of e words and letters are more alike than usual, within limits."""
        if near is None:
            return LEAST_ALIKE, LEAST_ALIKE
        return _beyond(near.words, self.usual_words), _beyond(near.letters, self.usual_letters)


#: For what was looked at: fitted by hand on cases; authors' weights are a little too sure of themselves and priors
#: from a few hundred incidents are rough. A cause whose score is below `unknown` is likelier not to be it.
LOOKED = Scale(temperature=1.25, prior_share=0.5, unknown=-1.0)


@lru_cache(maxsize=1)
def load_fitted() -> dict[str, Any]:
    """The fitted data: `scale`, `bands`, `shown_from`, and where they come from."""
    fitted: dict[str, Any] = json.loads(FITTED.read_bytes())
    return fitted


@lru_cache(maxsize=1)
def get_told_scale() -> Scale:
    """The scale for pasted texts."""
    return Scale(**load_fitted()["scale"])


def _beyond(alike: float, usual: float) -> float:
    return min(MOST_ALIKE, max(LEAST_ALIKE, math.log((alike + ALIKE_FLOOR) / (usual + ALIKE_FLOOR))))
