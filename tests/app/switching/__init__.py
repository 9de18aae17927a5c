"""Moves of a route's requests to another."""
