"""Finds the known texts nearest to a given one: issue texts and closed incidents, by words and by letters.

`Entry(id, issue, text)` is what can be found; `Index(entries).search(text, limit)` gives `Near` ones, nearest first.
Nothing is kept on disk and nothing is fetched.
"""
