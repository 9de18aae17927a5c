"""The MCP face: operations as tools for AI assistants, over standard input and output (`keepwell mcp`) and at /mcp of
the hub.

`offering` says which tools who is offered, `calling` lets one be done, `resources` and `prompts` are what an assistant
can read and begin with, `server` puts them together, `face` is the hub's.
"""
