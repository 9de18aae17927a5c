"""Plug-ins that read cheap numbers of their machine, once a second if need be; see `keepwell.plugins.collector`."""
