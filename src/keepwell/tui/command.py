"""`keepwell top` as a command: its flags, once as text or JSON, and the live screen."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keepwell.app.operation import COULD_NOT_LOOK, Caller
from keepwell.app.operations.overview import overview as ask_overview
from keepwell.core.errors import KeepwellError
from keepwell.tui.options import Options

if TYPE_CHECKING:
    from keepwell.app.overview.model import Overview

HELP = """Show the fleet on a live screen.

GPUs, engines, models in memory, requests as they stream, batches and jobs with how far they are, alerts. From the hub
of `keepwell up`; where none runs it looks itself for as long as it is shown. Over SSH: ssh -t. Keys: ?
"""
#: Least and most seconds between two pictures.
INTERVALS = 0.2, 3600.0


def make_command(show: Callable[[Overview], None], names: dict[str, list[str]]) -> click.Command:
    """The command; `show` prints an overview as text, `names` are those by which help is asked for."""
    options = [
        click.Option(["--once"], is_flag=True, help="Print one picture as text and end."),
        click.Option(["as_json", "--json"], is_flag=True, help="Print one picture as JSON and end."),
        click.Option(["--readonly"], is_flag=True, help="Nothing can be changed from the screen."),
        click.Option(
            ["--interval", "-i"],
            type=click.FloatRange(*INTERVALS),
            default=None,
            help="Seconds between two pictures; what was chosen last if left out.",
        ),
        click.Option(["plain", "--no-unicode"], is_flag=True, help="ASCII alone."),
        click.Option(["--light"], is_flag=True, help="Colours for a light background."),
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Use this keepwell.toml instead of the one found.",
        ),
    ]

    def run(
        once: bool,
        as_json: bool,
        readonly: bool,
        interval: float | None,
        plain: bool,
        light: bool,
        config: Path | None,
    ) -> None:
        chosen = Options(readonly=readonly, plain=plain, light=light, interval_seconds=interval or 0.0)
        raise SystemExit(_run(Caller(config=config), chosen, show, once=once, as_json=as_json))

    return click.Command(
        "top",
        callback=run,
        params=[*options],
        help=HELP,
        short_help="Show the fleet on a live screen.",
        context_settings={"help_option_names": names["help_option_names"]},
    )


def _run(caller: Caller, options: Options, show: Callable[[Overview], None], *, once: bool, as_json: bool) -> int:
    try:
        if as_json or once or not sys.stdout.isatty() or not sys.stdin.isatty():
            return _print_once(caller, show, as_json=as_json)
        return _run_screen(caller, options)
    except KeepwellError as error:
        _print_error(error, as_json=as_json)
        return COULD_NOT_LOOK


def _print_error(error: KeepwellError, *, as_json: bool) -> None:
    import json

    from keepwell.app.plain import error_document

    if as_json:
        print(json.dumps(error_document(error), indent=2))
        return
    print(f"keepwell top: {error}", file=sys.stderr)
    if error.hint:
        print(f"next: {error.hint}", file=sys.stderr)


def _print_once(caller: Caller, show: Callable[[Overview], None], *, as_json: bool) -> int:
    import asyncio
    import json

    from keepwell.app.plain import document

    found = asyncio.run(ask_overview(caller))
    if as_json:
        print(json.dumps(document(found), indent=2))
    else:
        show(found)
    return found.exit_code


def _run_screen(caller: Caller, options: Options) -> int:
    from keepwell.app.wiring import find_state, read_config
    from keepwell.transport.local import LocalTransport
    from keepwell.tui.app import TopApp

    read_config(caller, LocalTransport().name)  # what is wrong with it is told before the screen is taken
    app = TopApp(replace(caller, asked_by="top"), find_state(caller), options)
    app.run()
    return app.return_code or 0
