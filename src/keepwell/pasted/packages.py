"""Python in a text: packages that want others, and the exceptions that ended programs."""

from __future__ import annotations

from collections.abc import Iterable

from keepwell.core.observation import Value
from keepwell.formats.requirements import find_raised, find_wanted
from keepwell.formats.transcript import Transcript
from keepwell.plugins.pasted import Told, lines_of


class Packages:
    """Gives text.requirements and text.exceptions."""

    hints = ("requires", "requirement", "required", "depends on", 'file "')
    gives = ("text.requirements", "text.exceptions")

    def read(self, text: Transcript) -> Iterable[Told]:
        """Every wish of a package with the release that there is, and the last exception of every traceback."""
        lines = text.lines
        wanted: list[dict[str, Value]] = [
            {
                "by": one.by,
                "package": one.package,
                "rule": one.rule,
                "has": one.has,
                "kept": one.kept,
                "line": line.number,
            }
            for line in lines
            if (one := find_wanted(line.text)) is not None
        ]
        if wanted:
            yield Told(name="text.requirements", value=tuple(wanted), lines=lines_of(wanted))
        raised: list[dict[str, Value]] = [
            {"type": one.type, "said": one.said, "package": one.package, "line": lines[index].number}
            for index, one in find_raised([line.text for line in lines])
        ]
        if raised:
            yield Told(name="text.exceptions", value=tuple(raised), lines=lines_of(raised))


PASTED = Packages()
