"""The command line: every operation as a command, its flags and help made from the operation."""

from __future__ import annotations

import inspect
import sys
from typing import Annotated

import typer

from keepwell import __version__
from keepwell.app.operation import Operation
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

_HELP_NAMES = {"help_option_names": ["-h", "--help"]}


def build() -> typer.Typer:
    """The whole command line; cheap to build, heavy imports happen inside the commands."""
    app = typer.Typer(
        help=_HELP,
        epilog=_EPILOGUE,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=_HELP_NAMES,
    )
    app.callback(help=_HELP, epilog=_EPILOGUE)(_root)
    groups = {"": app}
    for one in operations("cli"):
        if one.group not in groups:
            groups[one.group] = _add_group(app, one)
        groups[one.group].command(one.name.split()[-1], help=one.description)(command(one, call))
    return app


def _add_group(app: typer.Typer, first: Operation) -> typer.Typer:
    """A group of commands, told of as the module of its operations is."""
    told = inspect.getdoc(sys.modules[first.function.__module__]) or ""
    group = typer.Typer(help=told, no_args_is_help=True, rich_markup_mode=None, context_settings=_HELP_NAMES)
    app.add_typer(group, name=first.group)
    return group


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
