"""Which answers are read closely: each part as it comes, so that the gaps between tokens are known.

All of them while that is little work. Beyond, a fair share, by lot: of the others the first token, the number of tokens
and the end are told as exactly, but what comes between is read some times a second. One core has time for a load ten
times as large that way, and gaps of a share are as many as a sample keeps.
"""

from __future__ import annotations

from random import Random

from keepwell.bench.load import Load

#: Parts a second of a load of which all are read closely: about a quarter of a core. Of a larger load, those of the
#: share: as many gaps as a sample keeps come within two seconds.
ALL, PARTS = 20_000.0, 6_000.0
#: Parts of an answer while nothing is known of it, and answers from which on it is.
ASSUMED, LEARNT = 64.0, 50


class Share:
    """The share of one load. Clients of a concurrent load wait for the end of an answer, so all are read closely."""

    def __init__(self, load: Load, *, able: bool) -> None:
        self.share = 1.0
        self._rate = max(load.rate, load.rate_to) * able
        if load.shape in ("concurrent", "replay"):
            self._rate = 0.0
        self._random = Random(load.seed)
        self._told = False

    def learn(self, answers: int, tokens: int) -> None:
        """So many answers had so many tokens together."""
        if answers >= LEARNT:
            self._set(tokens / answers)

    def pick(self, wished: int) -> bool:
        """Whether the next answer is read closely; so many tokens are wished of it, -1: not known."""
        if not self._told:
            self._set(float(wished))
        return self.share >= 1.0 or self._random.random() < self.share

    def _set(self, tokens: float) -> None:
        self._told = True
        if tokens < 0:
            tokens = ASSUMED
        parts, self.share = self._rate * tokens, 1.0
        if parts > ALL:
            self.share = PARTS / parts
