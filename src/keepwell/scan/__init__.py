"""Finds thousands of patterns in logs at once: bytes in, kept lines and counts out."""
