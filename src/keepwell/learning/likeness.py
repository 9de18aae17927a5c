"""How alike two descriptions of trouble are: by stems, by runs of letters, and by what they bring to mind.

What is rare is learned from the texts of the catalogue, and what healthy engines write counts for less: so two
incidents are alike by what they do not share with every other log. What a text brings to mind are the catalogue's
own sentences near it: "EADDRINUSE" and "another program holds the port" share no letter, but each is near the same
sentences (explicit semantic analysis). Pure, no language model, about a millisecond a text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias

import msgspec

#: Characters of a text that are compared: its beginning; an incident's gist is shorter.
TEXT_CHARS = 16 * 1024
#: What a token is worth that ordinary logs hold too.
ORDINARY_SHARE = 0.6
#: Least worth of any token: one that every text holds still says a little.
LEAST_WORTH = 0.05
#: Letters of a run: four tell "port" from "sport", and survive another ending.
RUN = 4
#: Texts of fewer tokens are too short to be alike to anything.
LEAST_TOKENS = 3

#: Sentences that a text brings to mind at most.
SENTENCES = 100

#: A unit vector of tokens.
Vector: TypeAlias = Mapping[str, float]

_HUMP = re.compile(r"([a-z])([A-Z])")
_WORD = re.compile(r"[a-z]{2,}")
_OTHER = re.compile(r"[^a-z]+")
_ENDINGS = (
    *("ingly", "edly", "ations", "ation", "ings", "ing", "ments", "ment"),
    *("ies", "ied", "ers", "ed", "er", "es", "ly", "s", "e"),
)
_EMPTY_WORDS = """
    a an the of to in on at is are was were be by for from with without and or not no it its this that these those
    than then as if when while which who what into onto over under has have had do does did can cannot could will
    would should may might must but so too also only same other another each all any one two new old out up down off
    there their they he she we you our your my me us them"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


@dataclass(frozen=True, slots=True)
class Rarity:
    """How many of `texts` texts hold each token, and which tokens healthy engines write."""

    texts: int
    held: Mapping[str, int]
    ordinary: frozenset[str]

    def worth(self, token: str) -> float:
        """What a token counts for."""
        worth = math.log((self.texts + 1) / (self.held.get(token, 0) + 0.5))
        return max(LEAST_WORTH, worth) * {True: ORDINARY_SHARE, False: 1.0}[token in self.ordinary]


@dataclass(frozen=True, slots=True)
class Sentences:
    """The catalogue's sentences: how rare stems are among them, and by stem which hold it with what weight."""

    rarity: Rarity
    holding: Mapping[str, Sequence[tuple[int, float]]]

    def near(self, words: list[str]) -> Vector:
        """The sentences that these words bring to mind, as a unit vector over their numbers."""
        found: dict[str, float] = {}
        for word, weight in _vector(words, self.rarity).items():
            for number, held in self.holding.get(word, ()):
                found[str(number)] = found.get(str(number), 0.0) + weight * held
        nearest = sorted(found.items(), key=itemgetter(1), reverse=True)[:SENTENCES]
        return _unit(dict(nearest))


@dataclass(frozen=True, slots=True)
class Scales:
    """What prints are made with: the rarity of stems and of runs of letters, and the sentences to be near to."""

    words: Rarity
    runs: Rarity
    sentences: Sentences

    def make(self, text: str) -> Print:
        """The print of a text."""
        stems = find_stems(text[:TEXT_CHARS])
        runs = _vector(find_runs(text[:TEXT_CHARS]), self.runs)
        return Print(words=_vector(stems, self.words), runs=runs, minds=self.sentences.near(stems))


@dataclass(frozen=True, slots=True)
class Print:
    """A text as three vectors."""

    words: Vector
    runs: Vector
    minds: Vector

    def like(self, other: Print) -> Alike:
        """How alike two texts are."""
        return Alike(_dot(self.words, other.words), _dot(self.runs, other.runs), _dot(self.minds, other.minds))


@dataclass(frozen=True, slots=True)
class Alike:
    """How alike two texts are, 0..1 each: by stems, by runs of letters, by the sentences that they bring to mind."""

    words: float
    runs: float
    minds: float


def make_scales(texts: Sequence[str], sentences: Sequence[str], ordinary: str) -> Scales:
    """Scales of these texts and sentences. Costs about half a second for a hundred issue files."""
    words, runs = _count(texts, ordinary, find_stems), _count(texts, ordinary, find_runs)
    return Scales(words=words, runs=runs, sentences=_make_sentences(sentences, ordinary))


def render_scales(scales: Scales) -> bytes:
    """Scales as bytes, to be kept; `parse_scales` is the inverse."""
    return msgspec.json.encode(scales)


def parse_scales(content: bytes) -> Scales:
    """The scales in what `render_scales` gave; ValueError for anything else."""
    return msgspec.json.decode(content, type=Scales)


def find_stems(text: str) -> list[str]:
    """The words of a text without their endings, particulars and empty words; joined names in parts."""
    lower = _HUMP.sub(r"\1 \2", text).lower()
    return [_stem(word) for word in _WORD.findall(lower) if word not in _EMPTY]


def find_runs(text: str) -> list[str]:
    """Every run of letters of a text, blanks between words among them."""
    letters = _OTHER.sub(" ", text.lower())
    return [letters[at : at + RUN] for at in range(len(letters) - RUN + 1)]


def _make_sentences(sentences: Sequence[str], ordinary: str) -> Sentences:
    rarity = _count(sentences, ordinary, find_stems)
    holding: dict[str, list[tuple[int, float]]] = {}
    for number, sentence in enumerate(sentences):
        for word, weight in _vector(find_stems(sentence), rarity).items():
            holding.setdefault(word, []).append((number, round(weight, 4)))
    return Sentences(rarity, holding)


def _count(texts: Sequence[str], ordinary: str, split: Callable[[str], list[str]]) -> Rarity:
    held: Counter[str] = Counter()
    for text in texts:
        held.update(set(split(text)))
    return Rarity(len(texts), held, frozenset(split(ordinary)))


def _vector(tokens: list[str], rarity: Rarity) -> Vector:
    counts = Counter(tokens)
    if len(counts) < LEAST_TOKENS:
        return {}
    return _unit({token: (1.0 + math.log(count)) * rarity.worth(token) for token, count in counts.items()})


def _unit(weights: Mapping[str, float]) -> Vector:
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {token: weight / length for token, weight in weights.items()}


def _dot(one: Vector, other: Vector) -> float:
    small, large = sorted((one, other), key=len)
    return sum(weight * large[token] for token, weight in small.items() if token in large)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
