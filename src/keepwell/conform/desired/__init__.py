"""Nodes as they ought to be: look at what wishes are about, compare, and make plans of the differences."""
