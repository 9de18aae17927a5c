"""From an operation to a command of the command line: flags, arguments and help come from the operation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import click

from keepwell.app.operation import Operation, Parameter

#: Seconds between two looks of a live screen: engines' own readings change no faster, and some dislike more.
WATCH_SECONDS = 2.0
#: Flags that every command has besides those of its operation.
CONFIG_HELP = "Use this keepwell.toml instead of the one found."
JSON_HELP = "Print one JSON document (schema and version inside) instead of text."
HTML_HELP = "Also write the answer to FILE as one page that needs nothing else; - is standard output."
WATCH_HELP = "Keep looking and redraw until Ctrl-C."
#: By what names help is asked for, for a command and for a group of them.
HELP_NAMES = {"help_option_names": ["-h", "--help"]}


class Command(click.Command):
    """A command that tells what its arguments mean, too."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Its arguments, then its options."""
        rows = [(one.make_metavar(ctx), one.told) for one in self.params if isinstance(one, Argument)]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)


class OwnCommand(Command):
    """The command that the name of a group alone is: it goes by that name."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """As if the group were not between."""
        if parent is not None:
            info_name, parent = parent.info_name, parent.parent
        return super().make_context(info_name, args, parent=parent, **extra)


class Argument(click.Argument):
    """An argument with a sentence about it (`told`)."""

    def __init__(self, *words: str, told: str, **more: Any) -> None:
        super().__init__(list(words), **more)
        self.told = told


def command(
    operation: Operation, call: Callable[[Operation, dict[str, Any]], None], kind: type[Command] = Command
) -> Command:
    """The command of this operation; it hands its arguments to `call`."""

    def run(**arguments: Any) -> None:
        call(operation, arguments)

    params = [_param(one) for one in operation.parameters("cli")]
    return kind(
        operation.name.split()[-1],
        callback=run,
        params=[*params, *_own_params(operation)],
        help=operation.description,
        short_help=operation.summary,
        context_settings=HELP_NAMES,
    )


def _param(one: Parameter) -> click.Parameter:
    kind, several = _kind(one)
    more: dict[str, Any] = {"type": kind, "required": one.required}
    if not one.required and not several:
        more["default"] = one.default
    if one.param.position:
        if several:
            more["nargs"] = -1
        return Argument(one.name, told=one.param.help, **more)
    flag = f"--{one.name.rstrip('_').replace('_', '-')}"
    names = [one.name, flag, *filter(None, [one.param.short])]
    if one.type is bool:
        return click.Option(names, is_flag=True, default=one.default, help=one.param.help)
    shown = not several and one.default not in ("", None)
    return click.Option(names, multiple=several, help=one.param.help, show_default=shown, **more)


def _kind(one: Parameter) -> tuple[Any, bool]:
    """What one value is, and whether there may be several of them."""
    kind, several = one.type, False
    if get_origin(kind) is UnionType:
        (kind,) = (part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is list:
        (kind,), several = get_args(kind), True
    bounds = (one.param.minimum, one.param.maximum)
    if bounds == (None, None):
        return kind, several
    ranges: dict[type, Any] = {int: click.IntRange, float: click.FloatRange}
    return ranges[kind](*bounds), several


def _own_params(operation: Operation) -> list[click.Parameter]:
    rows = [
        click.Option(["as_json", "--json"], is_flag=True, help=JSON_HELP),
        click.Option(["--config"], type=click.Path(path_type=Path), metavar="FILE", help=CONFIG_HELP),
    ]
    if operation.paged:
        rows.append(click.Option(["--html"], default="", metavar="FILE", help=HTML_HELP, show_default=False))
    if operation.watchable:
        rows.append(click.Option(["--watch", "-w"], is_flag=True, help=WATCH_HELP))
    return [*rows]
