"""Plug-ins that tell people; see `keepwell.plugins.notifier`."""
