"""Runs one operation for the command line: progress, output, errors, exit code."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keepwell.app.operation import COULD_NOT_LOOK, Caller, Operation, Report
from keepwell.cli.adapter import WATCH_SECONDS
from keepwell.cli.bar import Bar
from keepwell.core.errors import AccessError, KeepwellError

if TYPE_CHECKING:
    from rich.console import Console

#: What a shell expects after Ctrl-C (128 + SIGINT).
INTERRUPTED = 130
#: The file name that means standard output.
STANDARD_OUTPUT = "-"


class Verdict(SystemExit):
    """The exit with an operation's own code, told apart from the exit of a command line that was not understood."""


def call(operation: Operation, arguments: dict[str, Any]) -> None:
    """Run it, show what it gives, and leave with its exit code. Errors are shown as one block, never a trace."""
    as_json = arguments.pop("as_json")
    config = arguments.pop("config")
    watch = arguments.pop("watch", False)
    page = arguments.pop("html", "")
    try:
        if watch and not as_json:
            code = _watch(operation, arguments, config)
        else:
            code = _once(operation, arguments, config, as_json=as_json, page=page)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = _leave()
    except KeepwellError as error:
        code = _show_error(error, as_json)
    raise Verdict(code)


def _leave() -> int:
    """Nobody reads what was told on the way: the answer went nowhere, and nothing was wrong with it."""
    from keepwell.cli.output import leave_output

    leave_output()
    return 0


def _once(
    operation: Operation, arguments: dict[str, Any], config: Path | None, *, as_json: bool, page: str = ""
) -> int:
    import asyncio

    with Bar(shown=not as_json) as bar:
        caller = Caller(config=config, progress=bar.update, agree=bar.agree, note=bar.note, watched=bar.moves)
        if not as_json:
            caller = replace(caller, tell=_tell)
        asked = _ask(operation, caller, arguments)
        if operation.timed:
            from keepwell.bench.measuring import run

            report = run(asked)
        else:
            report = asyncio.run(asked)
    if report is None:
        return 0
    if page == STANDARD_OUTPUT:
        sys.stdout.write(_make_page(operation, report))
        return int(report.exit_code)
    _answer(operation, report, as_json)
    if page:
        _write_page(_make_page(operation, report), Path(page))
    return int(report.exit_code)


def _make_page(operation: Operation, report: Report) -> str:
    room = importlib.import_module(f"keepwell.pages.{operation.room}")
    made: str = room.render(report)
    return made


def _write_page(text: str, path: Path) -> None:
    """Write it whole or not at all, and say where it is."""
    half = path.with_name(f"{path.name}.part")
    try:
        half.write_text(text, encoding="utf-8")
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        hint = "name a file in a folder that exists and that you may write to"
        raise AccessError(f"the page cannot be written: {error.strerror}", where=str(path), hint=hint) from error
    print(f"page: {path.resolve().as_uri()}", file=sys.stderr)


def _answer(operation: Operation, report: Report, as_json: bool) -> None:
    """Write it out. A reader who goes away early changes nothing; a full disk is an error."""
    from keepwell.cli.output import leave_output, make_screen

    try:
        if as_json:
            _show_json(report)
        else:
            _show(operation, report, make_screen())
        sys.stdout.flush()
    except BrokenPipeError:
        leave_output()
    except OSError as error:
        leave_output()
        raise AccessError(f"the answer cannot be written: {error.strerror}", where="standard output") from error


async def _ask(operation: Operation, caller: Caller, arguments: dict[str, Any]) -> Report | None:
    answer: Report | None = await operation.function(caller, **arguments)
    return answer


def _show_json(report: Report) -> None:
    import json

    from keepwell.app.plain import document

    sys.stdout.write(json.dumps(document(report), indent=2) + "\n")


def _tell(line: str) -> None:
    from keepwell.core.words import clean

    sys.stdout.write("\n".join(clean(one, 2000) for one in line.split("\n")) + "\n")
    sys.stdout.flush()


def _show(operation: Operation, report: Report, console: Console) -> None:
    view = importlib.import_module(f"keepwell.cli.views.{operation.room}")
    console.print(view.render(report), soft_wrap=getattr(view, "AS_IT_IS", False))


def _watch(operation: Operation, arguments: dict[str, Any], config: Path | None) -> int:
    """Look again and again and redraw; ends by Ctrl-C with the last exit code."""
    import asyncio

    from rich.live import Live

    from keepwell.cli.output import make_screen

    code = 0
    view = importlib.import_module(f"keepwell.cli.views.{operation.room}")
    screen = Live(console=make_screen(), screen=sys.stdout.isatty(), auto_refresh=False)
    with screen as live, asyncio.Runner() as runner:
        try:
            while True:
                report = runner.run(_ask(operation, Caller(config=config), arguments))
                if report is None:
                    return code
                code = int(report.exit_code)
                live.update(view.render(report), refresh=True)
                runner.run(asyncio.sleep(WATCH_SECONDS))
        except KeyboardInterrupt:
            return code


def _show_error(error: KeepwellError, as_json: bool) -> int:
    import json

    from keepwell.app.plain import error_document
    from keepwell.core.words import clean

    if as_json:
        sys.stdout.write(json.dumps(error_document(error), indent=2) + "\n")
        return COULD_NOT_LOOK
    rows = {"error": error.what, "where": error.where, "command": error.command, "next": error.hint}
    shown = {name: text for name, text in rows.items() if text}
    width = max(map(len, shown))
    for name, text in shown.items():
        for line in text.split("\n"):
            print(f"{name:>{width}}  {clean(line, 2000)}", file=sys.stderr)
            name = ""
    return COULD_NOT_LOOK
