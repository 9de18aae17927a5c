"""Likeness: which causes a pasted text is like, by what the catalogue says of them and by closed incidents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from keepwell.core.issue import Issue
from keepwell.diagnose.catalogue import Catalogue
from keepwell.recall import query
from keepwell.recall.entry import Entry, Near, best_by_issue
from keepwell.recall.index import Counts, Index, count_text
from keepwell.scan.signature import Signature, make_signature
from keepwell.store.cache import digest_of, load_cached, save_cached

#: Causes that likeness alone may name: more change no answer (measured: docs/accuracy.md).
NAMED = 12
#: Telling words below which a text is like nothing: two words are like many texts by chance.
LEAST_WORDS = 3
#: Entries asked for: more than any catalogue has causes, so that each has a place.
ASKED = 512
#: Entries from which on it is worth to keep what was counted.
WORTH_KEEPING = 32


def find_alike(catalogue: Catalogue, text: str, closed: Sequence[Entry] = ()) -> dict[str, Near]:
    """What is nearest to the text of each cause of the catalogue, the likest cause first.

    `closed` are closed incidents. Costs some 10 ms, and once the making of the index.
    """
    if len(query.count_parts(query.choose_lines(text))[0]) < LEAST_WORDS:
        return {}
    found = best_by_issue(get_index(catalogue, closed).search(text, ASKED))
    return {one.entry.issue: one for one in found if one.entry.issue in catalogue.issues}


def get_index(catalogue: Catalogue, closed: Sequence[Entry] = ()) -> Index:
    """What is known, made ready to be searched; made once for a catalogue and these incidents."""
    key = tuple(closed)
    if key not in catalogue.indexes:
        own = [issue_entry(one, catalogue.signatures) for one in catalogue.issues.values()]
        catalogue.indexes[key] = Index([*own, *closed], _count_all(own))
    return catalogue.indexes[key]


def issue_entry(issue: Issue, signatures: Mapping[str, Signature]) -> Entry:
    """What the catalogue says of a cause: title, definition, evidence in words and in texts of its lines, cases."""
    return Entry(issue.id, issue.id, "\n".join(_texts(issue, signatures)))


def _count_all(entries: Sequence[Entry]) -> list[Counts]:
    """The counts of the entries' texts; those of a whole catalogue are kept on disk, for they take half a second."""
    if len(entries) < WORTH_KEEPING:
        return []
    key = digest_of((one.text.encode("utf-8", "replace") for one in entries), (Path(query.__file__),))
    cached = load_cached("alike", key)
    if cached:
        return [(words, letters) for words, letters in json.loads(cached)]
    counted = [count_text(one.text) for one in entries]
    save_cached("alike", key, json.dumps(counted).encode())
    return counted


def _texts(issue: Issue, signatures: Mapping[str, Signature]) -> Iterator[str]:
    yield from (issue.title, issue.definition)
    for one in issue.evidence:
        if one.weight > 0:
            yield one.say
            yield from _texts_of(one.match, signatures)
    yield from (case.text for case in issue.cases)


def _texts_of(patterns: Iterable[str], signatures: Mapping[str, Signature]) -> Iterator[str]:
    for pattern in patterns:
        signature = signatures.get(pattern) or make_signature(pattern)
        yield from (text for texts in signature.sets for text in texts)
