"""One address for every model: a data plane on asyncio protocols, and a pure scheduler that decides."""
