"""The command line: every operation as a command, its flags and help made from the operation."""

from __future__ import annotations

from typing import Annotated

import typer

from keepwell import __version__
from keepwell.app.table import operations
from keepwell.cli.adapter import command
from keepwell.cli.call import call

_HELP = (
    "Keeps self-hosted LLM servers well: says what is wrong and why, how sure it is, what to do, "
    "and repairs by plans that can be undone. Start with: keepwell diagnose"
)
_EPILOGUE = (
    "Exit codes: 0 well, 1 warnings, 2 critical, 3 could not look. Every command has --help and, but for mcp, --json."
)


def build() -> typer.Typer:
    """The whole command line; cheap to build, heavy imports happen inside the commands."""
    app = typer.Typer(
        help=_HELP,
        epilog=_EPILOGUE,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help=_HELP, epilog=_EPILOGUE)(_root)
    for one in operations("cli"):
        app.command(one.name, help=one.description)(command(one, call))
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"keepwell {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Nothing to do: the commands do the work."""
