"""Makes a handoff: one look at a place, everything that is known of it, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keepwell import __version__
from keepwell.app.applying.runs import list_runs_of
from keepwell.app.diagnosing import examine, make_depth, parse_age
from keepwell.app.handoff_text import Handoff, render_handoff
from keepwell.app.operation import Caller
from keepwell.app.targets import find_target
from keepwell.app.wiring import wire
from keepwell.core.errors import AccessError, ConfigurationError
from keepwell.transport.failures import describe_error

#: The level at which a handoff is made: everything that can be seen without loading a model.
LEVEL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffReport:
    """The answer of `handoff`: the Markdown, and the file that it was written to ("" for none)."""

    node: str
    markdown: str
    written_to: str = ""

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.handoff/1"

    @property
    def exit_code(self) -> int:
        """Always 0: that something is open is what it is for."""
        return 0


async def make_handoff(caller: Caller, word: str, *, since: str, out: str) -> HandoffReport:
    """Look, and tell the next person or assistant. Raises AccessError when the file cannot be written."""
    window = parse_age(since)
    if out:
        _require_place(Path(out))
    async with wire(caller) as wiring:
        target = find_target(word, wiring.config, wiring.hands.name)
        depth = make_depth(caller, level=LEVEL, since="", yes=False)
        report, timeline = await examine(wiring, caller, depth, target)
        node = word
        if report.node is not None:
            node = report.node.ref.name
        handoff = Handoff(
            version=__version__,
            target=word,
            report=report,
            timeline=timeline,
            since_seconds=window,
            runs=list_runs_of(wiring, node),
            decisions=wiring.config.decisions,
        )
    text = render_handoff(handoff)
    if out:
        _write(Path(out), text)
    return HandoffReport(node=node, markdown=text, written_to=out)


def _require_place(path: Path) -> None:
    """Known before the look, which takes seconds."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigurationError("no file can be written there", where=str(path), hint="name a file in a folder")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AccessError(
            f"the handoff cannot be written: {describe_error(error)}", where=str(path), hint="name another file"
        ) from error
