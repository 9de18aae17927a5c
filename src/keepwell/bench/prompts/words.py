"""Texts of a wished number of tokens, without a tokenizer: common words, and how many tokens the engine counts a word.

Pure: the engine is asked elsewhere, twice, with texts of two lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_TEXT = """
about above across after again along also always among another answer around ask away back because become before
begin behind believe below between both bring build buy call came change clear close come common could country cover
cut day decide different does done door down draw drive each early east end enough even every example eye face fact
family far feel few field find first follow food form found four free friend from full gave get give goes good great
green ground group grow half hand hard head hear help here high hold home hour house how idea important inside into
just keep kind know land large last late learn leave left letter life light like line list little live long look
made make many may mean meet
"""
#: 128 words of everyday English that most tokenizers hold as one token each: seven bits a word, so that two texts
#: differ in their first words and no cache of beginnings can tell one from the other.
WORDS = tuple(_TEXT.split())
#: Words of the two texts by which an engine's tokens a word are found: each word as often as any other, so that what is
#: found is the mean of all. Both fit into the smallest contexts in use.
SHORT, LONG = len(WORDS), 2 * len(WORDS)
#: Tokens a word that are taken where the engine does not count: what most tokenizers take for such words.
USUAL_TOKENS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How an engine counts: tokens a word, and those that a template puts around a text. `counted` is False where the
    engine did not tell, and usual numbers stand in for it.
    """

    per_word: float = USUAL_TOKENS
    around: float = 0.0
    counted: bool = False

    def find_words(self, tokens: int) -> int:
        """Words of a text that makes a request of so many tokens; at least 1."""
        return max(1, round((tokens - self.around) / self.per_word))


#: Where nothing was counted.
USUAL_PACE = Pace()


def fit_pace(short_tokens: int, long_tokens: int) -> Pace:
    """From the tokens that the engine counted for texts of SHORT and LONG words; the usual where they make no sense
    (less than half a token or more than eight a word, or what a cache left out).
    """
    per_word = (long_tokens - short_tokens) / (LONG - SHORT)
    if short_tokens <= 0 or not 0.5 <= per_word <= 8:
        return USUAL_PACE
    return Pace(per_word=per_word, around=max(0.0, short_tokens - SHORT * per_word), counted=True)


def make_learning(seed: str) -> tuple[str, str]:
    """The two texts; they begin differently, so that no cache knows one from the other."""
    random = Random(seed)
    first, second, third = (random.sample(WORDS, len(WORDS)) for _ in range(3))
    return " ".join(first), " ".join([*second, *third])


def make_text(seed: str, words: int) -> str:
    """So many words, the same for the same seed."""
    return " ".join(Random(seed).choices(WORDS, k=words))
