"""Collects, keeps and rolls up the numbers of all nodes, and wakes nothing by it."""
