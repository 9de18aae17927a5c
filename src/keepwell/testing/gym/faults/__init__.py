"""Faults that the gym injects: each file ends in `FAULTS`, a tuple of them. Names that begin with "_" are none."""
