"""The HTTP API on the hub's port: the table of operations at `/api/v1`, events, and small pages for other programs.

`face` names the paths; `calls` takes a request to an operation and its answer back; `openapi` describes all of it.
"""
