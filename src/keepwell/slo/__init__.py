"""Objectives: what was promised, how much of the allowance is used, and how fast. Pure."""
