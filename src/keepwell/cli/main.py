"""The command line: every operation as a command, its flags and help made from the operation."""

from __future__ import annotations

import inspect
import sys

import click
from click.shell_completion import get_completion_class

from keepwell import __version__
from keepwell.app.operation import Operation
from keepwell.app.table import operations
from keepwell.cli.adapter import HELP_NAMES, OwnCommand, command
from keepwell.cli.call import call

_HELP = (
    "Keeps self-hosted LLM servers well: says what is wrong and why, how sure it is, what to do, "
    "and repairs by plans that can be undone. Start with: keepwell diagnose"
)
_EPILOGUE = (
    "Exit codes: 0 well, 1 warnings, 2 critical, 3 could not look. Every command has --help and, but for mcp, --json."
)
#: Stands for the command that the name of a group alone is; nobody can type it.
OWN = ""
#: Shells that can be taught to complete words, and the variable by which they ask.
_SHELLS = ("bash", "zsh", "fish")
_ASKED_BY = "_KEEPWELL_COMPLETE"


class _InOrder(click.Group):
    """A group that tells of its commands in the order in which they were added.

    `own` is the command that its name alone is: whatever is typed behind that is none of the group's commands.
    """

    own: click.Command | None = None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What was typed; with the name of the own command before what is for it."""
        if self.own is not None and not (args and (args[0] in self.commands or args[0] in ctx.help_option_names)):
            args = [OWN, *args]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Its own command's, where it has one."""
        if self.own is not None:
            return [*self.own.collect_usage_pieces(ctx), "| COMMAND ..."]
        return super().collect_usage_pieces(ctx)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Also its own, which is not told of among the others."""
        if name == OWN:
            return self.own
        return super().get_command(ctx, name)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Those of its own command, then its commands."""
        if self.own is not None:
            self.own.format_options(ctx, formatter)
            self.format_commands(ctx, formatter)
        else:
            super().format_options(ctx, formatter)


def build() -> click.Group:
    """The whole command line; cheap to build, heavy imports happen inside the commands."""
    options = [
        click.Option(["--version"], is_flag=True, is_eager=True, callback=_show_version, help="Print the version."),
        click.Option(
            ["--completion"],
            type=click.Choice(_SHELLS),
            is_eager=True,
            callback=_show_completion,
            help="Print what teaches a shell to complete words, for its start file.",
        ),
    ]
    app = _InOrder(
        "keepwell",
        params=[*options],
        help=_HELP,
        epilog=_EPILOGUE,
        no_args_is_help=True,
        callback=_root,
        context_settings=HELP_NAMES,
    )
    groups: dict[str, _InOrder] = {"": app}
    known = operations("cli")
    names = {one.group for one in known}
    for one in known:
        group = one.group
        if one.name in names:
            group = one.name
        if group not in groups:
            groups[group] = _make_group(group, one)
            app.add_command(groups[group])
        if group == one.name:
            groups[group].own = command(one, call, OwnCommand)
        else:
            groups[group].add_command(command(one, call))
    return app


def _make_group(name: str, first: Operation) -> _InOrder:
    """A group of commands, told of as the module of its operations is, or as the command that its name alone is."""
    told = inspect.getdoc(sys.modules[first.function.__module__]) or ""
    if name == first.name:
        told = first.description
    short = told.partition("\n")[0]
    return _InOrder(name, help=told, short_help=short, no_args_is_help=True, context_settings=HELP_NAMES)


def _show_version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"keepwell {__version__}")
        ctx.exit()


def _show_completion(ctx: click.Context, param: click.Parameter, shell: str | None) -> None:
    made = get_completion_class(shell or "")
    if made is not None and isinstance(ctx.command, click.Group):
        click.echo(made(ctx.command, {}, "keepwell", _ASKED_BY).source())
        ctx.exit()


def _root(version: bool, completion: str | None) -> None:
    """Nothing to do: the commands do the work."""
