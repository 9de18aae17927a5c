"""Routing policies: pure functions that order the replicas which could take a request."""
