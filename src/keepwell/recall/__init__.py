"""Finds the known texts nearest to a given one: issue texts and closed incidents, by words and by letters.

`Entry(id, issue, text)` is what can be found; `Index(entries).search(text, limit)` gives `Near` ones, nearest first.
Nothing is kept on disk and nothing is fetched.
"""

from keepwell.recall.entry import Entry, Near, best_by_issue
from keepwell.recall.index import Index

__all__ = ["Entry", "Index", "Near", "best_by_issue"]
