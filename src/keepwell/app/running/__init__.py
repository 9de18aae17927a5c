"""Engines started, ended and moved as their owner asks: looked at before, proved after, undoable."""
