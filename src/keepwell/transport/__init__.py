"""How bytes and commands reach one node: on this machine, or from a recording."""
