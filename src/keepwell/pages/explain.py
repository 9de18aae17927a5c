"""A known cause as a page: `keepwell explain CAUSE --html FILE`, and the Markdown of docs/causes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from keepwell.app.report import IssueReport
from keepwell.core.issue import Issue
from keepwell.pages.environment import mark_down, render_template

#: Lines of the cases that are shown: enough that a search for an error's words finds the page.
LINES_SHOWN = 24
#: A signature of this weight names the cause, a weaker one only hints; a shorter one is a word, no error text.
STRONG, SHORTEST = 3.0, 12
_ESCAPED = re.compile(r"\\([^A-Za-z0-9])")
_META = re.compile(r"[\\.*+?^$|()\[\]{}]")


def render(report: IssueReport) -> str:
    """The page of one cause."""
    return render_template("explain.html", **_values(report.issue))


def render_markdown(issue: Issue) -> str:
    """The same as Markdown."""
    text = render_template("cause.md", **_values(issue))
    return _squeeze(text)


def render_index(issues: Iterable[Issue]) -> str:
    """The list of all causes by family, as Markdown with links to their pages."""
    rows = ["# Known causes", "", "Written from the issue files by `make pages`.", ""]
    family = ""
    for one in sorted(issues, key=_place):
        if one.family != family:
            family = one.family
            rows += [f"## {family}", ""]
        rows.append(f"- [{mark_down(one.title)}]({one.id}.md)")
    return _squeeze("\n".join(rows).replace("\n## ", "\n\n## ") + "\n")


def find_lines(issue: Issue) -> list[str]:
    """The lines of the issue's cases, each once."""
    rows = (line.rstrip() for case in issue.cases for line in case.text.split("\n"))
    return list(dict.fromkeys(line for line in rows if line))[:LINES_SHOWN]


def find_texts(issue: Issue) -> list[str]:
    """The error texts that it is known by: its strong signatures that are plain text."""
    strong = (pattern for one in issue.evidence if one.weight >= STRONG for pattern in one.match)
    plain = (_plain(pattern) for pattern in strong)
    return list(dict.fromkeys(text for text in plain if len(text) >= SHORTEST))


def _plain(pattern: str) -> str:
    """A pattern without its escapes, "" if it is more than plain text."""
    text = _ESCAPED.sub("", pattern)
    if _META.search(text):
        return ""
    return _ESCAPED.sub(r"\1", pattern)


def _values(issue: Issue) -> dict[str, object]:
    against = [one for one in issue.evidence if one.weight <= 0 or one.rules_out]
    return {"issue": issue, "lines": find_lines(issue), "texts": find_texts(issue), "against": against}


def _place(issue: Issue) -> tuple[str, str]:
    return issue.family, issue.title


def _squeeze(text: str) -> str:
    """At most one empty line in a row, outside code too: cases hold none."""
    return "\n".join(_single(text.split("\n"))).rstrip() + "\n"


def _single(lines: Iterable[str]) -> Iterator[str]:
    before = ""
    for number, line in enumerate(lines):
        if line.strip() or before.strip() or not number:
            yield line.rstrip()
        before = line
