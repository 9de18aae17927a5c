"""Ranks number series by which moved first and most around an instant; whatever their units. Pure.

`find_moves` ranks, `make_series` makes a series of samples, `parse_series` reads tables and answers of Prometheus.
"""

from keepwell.series.moved import Move, Moves, find_moves
from keepwell.series.reading import parse_instant, parse_series
from keepwell.series.sample import Series, make_series

__all__ = ["Move", "Moves", "Series", "find_moves", "make_series", "parse_instant", "parse_series"]
