#!/usr/bin/env python3
"""Write docs/causes: a page for each known cause, and their list. Run it after changing an issue file.

    python scripts/cause_pages.py [--check] [FOLDER]

With --check nothing is written: exit 1 and the names of the pages that are not what the issue files say.
"""

from __future__ import annotations

import sys
from pathlib import Path

from keepwell.diagnose.catalogue import load_catalogue
from keepwell.pages.explain import render_index, render_markdown

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "causes"


def main(arguments: list[str]) -> int:
    """Write or compare."""
    check = "--check" in arguments
    names = [one for one in arguments if one != "--check"]
    folder = Path(*names[:1] or [FOLDER])
    wished = make_pages()
    stale = [name for name, text in wished.items() if read(folder / name) != text]
    gone = [path.name for path in folder.glob("*.md") if path.name not in wished]
    if check:
        for name in sorted([*stale, *gone]):
            print(f"{folder / name} is not what the issue files say: make pages")
        return int(bool(stale or gone))
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (folder / name).write_text(wished[name], encoding="utf-8")
    for name in gone:
        (folder / name).unlink()
    print(f"{len(wished)} pages in {folder}, {len(stale)} written, {len(gone)} removed")
    return 0


def make_pages() -> dict[str, str]:
    """Every page by its file name."""
    issues = load_catalogue().issues
    pages = {f"{name}.md": render_markdown(issue) for name, issue in issues.items()}
    return {**pages, "README.md": render_index(issues.values())}


def read(path: Path) -> str:
    """What the page says now, "" if there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
