"""Events of an answer as what they say, however they were cut: for comparing two readings of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from keepwell.plugins.answer_events import (
    Begun,
    CallPiece,
    Counted,
    Ended,
    Event,
    Failed,
    Finished,
    Odds,
    Reasoning,
    Text,
    TokenOdds,
    Vectors,
)


@dataclass
class Folded:
    """What an answer says: by choice its text, thoughts, calls, odds and end; and once for all the rest."""

    begun: list[Begun] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    thoughts: dict[int, str] = field(default_factory=dict)
    calls: dict[tuple[int, int], tuple[str, str, str]] = field(default_factory=dict)
    odds: dict[int, tuple[TokenOdds, ...]] = field(default_factory=dict)
    finished: dict[int, Finished] = field(default_factory=dict)
    counted: list[Counted] = field(default_factory=list)
    vectors: list[Vectors] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    ended: int = 0


def fold(events: Iterable[Event]) -> Folded:
    """What they say."""
    made = Folded()
    for event in events:
        match event:
            case Begun():
                made.begun.append(event)
            case Text() if event.text:
                made.texts[event.choice] = made.texts.get(event.choice, "") + event.text
            case Reasoning() if event.text:
                made.thoughts[event.choice] = made.thoughts.get(event.choice, "") + event.text
            case CallPiece():
                key = (event.choice, event.index)
                id_, name, arguments = made.calls.get(key, ("", "", ""))
                made.calls[key] = (id_ or event.id, name or event.name, arguments + event.arguments)
            case Odds():
                made.odds[event.choice] = (*made.odds.get(event.choice, ()), *event.tokens)
            case Finished():
                made.finished[event.choice] = event
            case Counted():
                made.counted.append(event)
            case Vectors():
                made.vectors.append(event)
            case Failed():
                made.failed.append(event)
            case Ended():
                made.ended += 1
            case _:
                pass
    return made


def merge(events: Iterable[Event]) -> list[Event]:
    """The same events with pieces of text that stand side by side as one, and empty ones left out."""
    made: list[Event] = []
    for event in events:
        last = made[-1] if made else None
        if isinstance(event, (Text, Reasoning)) and not event.text:
            continue
        if isinstance(event, Text) and isinstance(last, Text) and event.choice == last.choice:
            made[-1] = Text(last.text + event.text, event.choice)
        elif isinstance(event, Reasoning) and isinstance(last, Reasoning) and event.choice == last.choice:
            made[-1] = Reasoning(last.text + event.text, event.choice)
        else:
            made.append(event)
    return made
