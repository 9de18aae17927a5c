"""From an operation to a command of the command line: flags, arguments and help come from the operation."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from keepwell.app.operation import Operation, Parameter

#: Seconds between two looks of a live screen: engines' own readings change no faster, and some dislike more.
WATCH_SECONDS = 2.0
#: Flags that every command has besides those of its operation.
CONFIG_HELP = "Use this keepwell.toml instead of the one found."
JSON_HELP = "Print one JSON document (schema and version inside) instead of text."
HTML_HELP = "Also write the answer to FILE as one page that needs nothing else; - is standard output."
WATCH_HELP = "Keep looking and redraw until Ctrl-C."


def command(operation: Operation, call: Callable[[Operation, dict[str, Any]], None]) -> Callable[..., None]:
    """A function that Typer can make a command of; it hands its arguments to `call`."""

    def run(**arguments: Any) -> None:
        call(operation, arguments)

    rows = [_row(one) for one in operation.parameters("cli")]
    rows += _own_rows(operation)
    run.__dict__["__signature__"] = inspect.Signature(rows, return_annotation=None)
    run.__annotations__ = {row.name: row.annotation for row in rows}
    run.__name__ = operation.name.replace("-", "_").replace(" ", "_")
    run.__doc__ = operation.description
    return run


def _row(one: Parameter) -> inspect.Parameter:
    default: Any = one.default
    if one.required:
        default = inspect.Parameter.empty
    return inspect.Parameter(
        one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[one.type, _form(one)]
    )


def _form(one: Parameter) -> Any:
    param = one.param
    if param.position:
        return typer.Argument(help=param.help, show_default=not one.required)
    names = [f"--{one.name.rstrip('_').replace('_', '-')}"]
    if param.short:
        names.append(param.short)
    return typer.Option(*names, help=param.help, min=param.minimum, max=param.maximum)


def _own_rows(operation: Operation) -> list[inspect.Parameter]:
    keyword = inspect.Parameter.KEYWORD_ONLY
    rows = [
        inspect.Parameter(
            "as_json", keyword, default=False, annotation=Annotated[bool, typer.Option("--json", help=JSON_HELP)]
        ),
        inspect.Parameter(
            "config",
            keyword,
            default=None,
            annotation=Annotated[Path | None, typer.Option("--config", help=CONFIG_HELP)],
        ),
    ]
    if operation.paged:
        html = typer.Option("--html", help=HTML_HELP, metavar="FILE")
        rows.append(inspect.Parameter("html", keyword, default="", annotation=Annotated[str, html]))
    if operation.watchable:
        watch = typer.Option("--watch", "-w", help=WATCH_HELP)
        rows.append(inspect.Parameter("watch", keyword, default=False, annotation=Annotated[bool, watch]))
    return rows
