"""The entry: builds the command line, adds the servers that speak on standard streams, and runs it."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keepwell.app.operation import COULD_NOT_LOOK
from keepwell.cli.adapter import CONFIG_HELP, HELP_NAMES
from keepwell.cli.call import INTERRUPTED, Verdict
from keepwell.cli.letters import write_harmlessly
from keepwell.cli.main import build
from keepwell.tui.command import make_command

if TYPE_CHECKING:
    from keepwell.app.overview.model import Overview

#: Objects made and kept between two looks for garbage. What a command makes first are modules, which stay: with the
#: interpreter's 700 such looks are a tenth of its start.
GARBAGE_OBJECTS = 20_000


def main() -> None:
    """Run the command line."""
    gc.set_threshold(GARBAGE_OBJECTS)
    write_harmlessly(sys.stdout, sys.stderr)
    app = build()
    app.add_command(_make_mcp())
    app.add_command(make_command(_print_overview, HELP_NAMES))
    try:
        app.main(prog_name="keepwell", standalone_mode=False)
    except Verdict as error:
        _forget_interrupts()
        raise error from None
    except (KeyboardInterrupt, click.Abort):  # between two of its own places that wait for it
        _forget_interrupts()
        raise SystemExit(INTERRUPTED) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(COULD_NOT_LOOK) from None


def _forget_interrupts() -> None:
    """Let a Ctrl-C that was answered be answered.

    CPython notes an interrupt that passes through the evaluation of text (dataclasses make their methods so while a
    module loads), keeps the note when it is caught, and ends `python -m` by the signal instead of the exit code
    (`run_eval_code_obj` and `Py_RunMain` in its Python/pythonrun.c and Modules/main.c). Each evaluation clears it.
    """
    exec("")  # nothing is evaluated


def _make_mcp() -> click.Command:
    asks = "Also offer changes: each is asked for, and waits until a person approves it (keepwell proposals)."
    options = [
        click.Option(["--allow-change/--readonly"], default=False, help=asks),
        click.Option(["--config"], type=click.Path(path_type=Path), metavar="FILE", help=CONFIG_HELP),
    ]
    return click.Command("mcp", callback=_mcp, params=[*options], help=_mcp.__doc__, context_settings=HELP_NAMES)


def _mcp(allow_change: bool, config: Path | None) -> None:
    """Serve operations to an AI assistant as MCP tools.

    Over standard input and output; register this command with the assistant. All tools only read. With --allow-change
    an assistant may ask for changes, too, and makes none. `keepwell up` answers assistants at
    http://127.0.0.1:4001/mcp as well.
    """
    from keepwell.app.operation import Caller
    from keepwell.mcp.server import serve

    serve(Caller(asked_by="mcp", config=config), allow_change=allow_change)


def _print_overview(overview: Overview) -> None:
    """As text: what the command line shows of it."""
    from keepwell.cli.output import make_screen
    from keepwell.cli.views.overview import render

    make_screen().print(render(overview))


if __name__ == "__main__":
    main()
