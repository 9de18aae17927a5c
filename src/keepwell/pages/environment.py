"""Templates to text. Whatever comes from a log, a model or a name is escaped by default; nothing is loaded from
elsewhere, so that a page can be sent as one file.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from keepwell import __version__
from keepwell.core.issue import Command
from keepwell.core.observation import Missing
from keepwell.core.secret import mask_text
from keepwell.core.words import amount, clean, command_line, share, show_blanks, size
from keepwell.fleet.decisions import cite

#: Characters of one text on a page.
TEXT_CHARACTERS = 2000
_FOLDER = Path(__file__).with_name("templates")
#: What Markdown would take for its own signs. A page's words come from issue files, which anyone may have written.
_MARKS = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>#|"})


def render_template(name: str, **values: object) -> str:
    """The template filled in; `*.html` escapes everything that is put into it."""
    return get_environment().get_template(name).render(version=__version__, **values)


@cache
def get_environment() -> Environment:
    """The templates of this folder with the words that all pages share."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(
        amount=amount,
        amount_size=_size,
        cite=cite,
        clean=_clean,
        instant=format_instant,
        md=mark_down,
        share=share,
        size=_size,
        typed=format_command,
    )
    made.tests["known"] = _is_known
    return made


def format_instant(at: float) -> str:
    """An instant as every reader understands it; a dash where no calendar has it."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return "–"


def format_command(command: Command) -> str:
    """A command as it is typed, with `<name>` where something is to be filled in."""
    return "sudo " * command.root + command_line(show_blanks(command.argv)) + " &" * command.background


def _clean(text: str, limit: int = TEXT_CHARACTERS) -> str:
    return clean(mask_text(text), limit)


def _size(value: float | Missing) -> str:
    if isinstance(value, Missing):
        return "–"
    return size(value)


def _is_known(value: object) -> bool:
    return not isinstance(value, Missing)


def mark_down(text: str) -> str:
    """Text whose signs Markdown takes for text, but for code between backquotes, as issue files write it."""
    parts = clean(text, TEXT_CHARACTERS).split("`")
    if len(parts) % 2 == 0:
        return "`".join(parts).translate(_MARKS)
    return "`".join(part.translate(_MARKS) * (not n % 2) + part * (n % 2) for n, part in enumerate(parts))
