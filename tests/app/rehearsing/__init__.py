"""Requests that are played at two routes."""
