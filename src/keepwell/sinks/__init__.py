"""Plug-ins that put readings into the words of other systems; see `keepwell.plugins.sink`."""
