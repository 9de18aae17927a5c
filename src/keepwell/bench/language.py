"""In which language a text is written, by its commonest small words. Pure; good for a sentence or more, no less."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Small words of each language that stand in nearly every few sentences; those that two share count for both.
_SMALL: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "en": "the and of to in is that it for with are was this on as be by at from or an have not which",
        "de": "der die das und ist in zu den von mit nicht ein eine auf für im sich des dem auch als es wird sind",
        "fr": "le la les et de des un une est en que qui dans pour pas sur du au avec ce il elle sont plus",
        "es": "el la los las y de un una es en que por con para no se del al lo como su más está",
        "it": "il lo la gli e di un una è in che per con non si del della da sono come più nel",
        "pt": "o a os as e de um uma é em que por com para não se do da no na mais como está",
        "nl": "de het een en van is in op dat te met voor niet zijn aan er ook als bij door naar",
    }.items()
}
LANGUAGES = tuple(_SMALL)
#: Small words that a text must have, and their least share of all its words.
LEAST, LEAST_SHARE = 3, 0.15
_WORD = re.compile(r"[^\W\d_]+")


def find_language(text: str) -> str:
    """The language, "" where it cannot be told: too little text, words of none, or two that fit alike."""
    words = _WORD.findall(text.lower())
    counts = {name: sum(word in small for word in words) for name, small in _SMALL.items()}
    ranked = sorted(counts, key=counts.__getitem__, reverse=True)
    first, second = counts[ranked[0]], counts[ranked[1]]
    if first < LEAST or first < LEAST_SHARE * len(words) or first == second:
        return ""
    return ranked[0]
