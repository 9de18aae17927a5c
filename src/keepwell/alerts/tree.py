"""What lies above a thing: what it lies in, what it was declared to need, and so on upwards. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from keepwell.core.ref import Ref, engine, node

#: Answers that are kept.
ANSWERS = 50_000
#: Things that one thing may depend on, over all steps: a declared circle or a mistake ends there.
ABOVE = 500


class Tree:
    """Dependencies by the text form of Refs. Answers are kept, so one tree serves many decisions."""

    def __init__(self, needs: Mapping[str, Iterable[str]] | None = None) -> None:
        self._needs = {subject: tuple(needed) for subject, needed in (needs or {}).items()}
        self._above: dict[str, frozenset[str]] = {}

    def above(self, subject: str) -> frozenset[str]:
        """All that this depends on; not itself, also where it is part of a circle."""
        found = self._above.get(subject)
        if found is None:
            if len(self._above) >= ANSWERS:
                self._above.clear()
            found = self._above[subject] = frozenset(self._climb(subject)) - {subject}
        return found

    def covers(self, upper: Iterable[str], subject: str) -> bool:
        """True if the subject is one of these or depends on one."""
        return not self.above(subject).isdisjoint(upper) or subject in upper

    def _climb(self, subject: str) -> set[str]:
        found: set[str] = set()
        waiting = [subject]
        while waiting and len(found) < ABOVE:
            for parent in self._parents(waiting.pop()):
                if parent not in found:
                    found.add(parent)
                    waiting.append(parent)
        return found

    def _parents(self, subject: str) -> Iterator[str]:
        yield from self._needs.get(subject, ())
        ref = Ref.parse(subject)
        if ref.kind == "model":
            yield str(engine(ref.path[0], ref.path[1]))
        if ref.node and ref.kind != "node":
            yield str(node(ref.node))
