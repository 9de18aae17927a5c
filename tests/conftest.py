"""Settings of every test: examples have no time limit of their own, as a busy machine is no fault of the code."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("keepwell", deadline=None, print_blob=True)
settings.load_profile("keepwell")
