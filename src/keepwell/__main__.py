"""The entry: builds the command line, adds the servers that speak on standard streams, and runs it."""

from __future__ import annotations

import sys

from keepwell.app.operation import COULD_NOT_LOOK
from keepwell.cli.call import INTERRUPTED, Verdict
from keepwell.cli.letters import write_harmlessly
from keepwell.cli.main import build

#: Codes of the command line itself that mean the same here; any other says that it was not understood.
_CODES: dict[object, int] = {None: 0, 0: 0, INTERRUPTED: INTERRUPTED}


def main() -> None:
    """Run the command line."""
    write_harmlessly(sys.stdout, sys.stderr)
    app = build()
    app.command("mcp", help=_mcp.__doc__)(_mcp)
    try:
        app(prog_name="keepwell")
    except Verdict:
        raise
    except KeyboardInterrupt:  # between two of its own places that wait for it
        raise SystemExit(INTERRUPTED) from None
    except SystemExit as error:
        raise SystemExit(_CODES.get(error.code, COULD_NOT_LOOK)) from error


def _mcp() -> None:
    """Serve the read-only operations to an AI assistant.

    As MCP tools over standard input and output; nothing that changes anything is offered.
    """
    from keepwell.mcp.server import serve

    serve()


if __name__ == "__main__":
    main()
