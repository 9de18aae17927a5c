"""Requests at work: from their heads to the last byte of their answers."""
