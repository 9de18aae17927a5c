"""Overnight work: many requests of one job, each answered exactly once in the output, whatever dies meanwhile."""
