"""Alerts: which findings people are told of, when, and in which words. `decide` is one pure step of it."""
