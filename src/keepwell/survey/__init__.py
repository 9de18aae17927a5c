"""Looks at a node: finds its engines, runs the probes, judges what was seen.

`survey(...)` gives a `SurveyResult`; `discover`, `judge` and `list_looked` are its parts.
"""
