"""ls -l, and what programs were refused: paths with their owners, and who serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from keepwell.core.observation import Value
from keepwell.formats.listing import find_denied, parse_entry, parse_folder
from keepwell.formats.transcript import Section, Transcript
from keepwell.plugins.pasted import Told, lines_of


class Files:
    """Gives text.paths and text.denied."""

    hints = ("rwx", "rw-", "r--", "denied")
    gives = ("text.paths", "text.denied")

    def read(self, text: Transcript) -> Iterable[Told]:
        """Every line of a list, and every path that was refused."""
        paths = [row for section in text.sections for row in _paths(section)]
        if paths:
            yield Told(name="text.paths", value=tuple(paths), lines=lines_of(paths))
        denied: list[dict[str, Value]] = [
            {"path": path, "line": line.number} for line in text.lines for path in find_denied(line.text)
        ]
        if denied:
            yield Told(name="text.denied", value=tuple(denied), lines=lines_of(denied))


def _paths(section: Section) -> Iterator[dict[str, Value]]:
    folder = _folder(section)
    for line in section.lines:
        folder = parse_folder(line.text) or folder
        one = parse_entry(line.text, folder)
        if one is not None and one.path.startswith("/"):
            yield {
                "path": one.path,
                "kind": one.kind,
                "mode": one.mode,
                "owner": one.owner,
                "group": one.group,
                "line": line.number,
            }


def _folder(section: Section) -> str:
    """The only folder that `ls` was asked for in this section, or ""."""
    named = [word for word in section.command if word.startswith("/")]
    if section.program == "ls" and len(named) == 1:
        return named[0]
    return ""


PASTED = Files()
