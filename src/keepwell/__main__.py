"""The entry: builds the command line, adds the servers that speak on standard streams, and runs it."""

from __future__ import annotations

import io
import sys

from keepwell.cli.call import COULD_NOT_LOOK, Verdict
from keepwell.cli.main import build


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 gets a question mark, not a crash
    app = build()
    app.command("mcp", help=_mcp.__doc__)(_mcp)
    try:
        app(prog_name="keepwell")
    except Verdict:
        raise
    except SystemExit as error:
        raise SystemExit(COULD_NOT_LOOK * bool(error.code)) from error


def _mcp() -> None:
    """Serve the read-only operations to an AI assistant.

    As MCP tools over standard input and output; nothing that changes anything is offered.
    """
    from keepwell.mcp.server import serve

    serve()


if __name__ == "__main__":
    main()
