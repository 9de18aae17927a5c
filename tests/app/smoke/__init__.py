"""Smoke tests, guards and comparisons."""
