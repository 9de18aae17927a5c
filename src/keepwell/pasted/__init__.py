"""Recognisers of pasted output: one file, one kind. See `keepwell.plugins.pasted`."""
