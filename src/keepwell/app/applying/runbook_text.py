"""A run's report as Markdown that reads as plain text too. Pure; what comes from elsewhere stands as text."""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.app.applying.interruption import Interruption
from keepwell.app.applying.runbook import ChangeLine, Event, RunbookReport
from keepwell.app.handoff_text import moment, plain, quoted
from keepwell.core.words import figure

#: How each state of a change reads.
WORDS = {
    "pending": "not begun",
    "begun": "begun",
    "done": "done",
    "undoing": "being taken back",
    "undone": "taken back",
    "failed": "failed",
}


def render_markdown(report: RunbookReport) -> str:
    """The Markdown, ending in a line end."""
    sections = (
        ("Why", [plain(report.why), *[f"Asked for by the check {quoted(report.check)}."] * bool(report.check)]),
        ("Changes", list(_changes(report))),
        ("Proof", [plain(report.proved) or "The check was not asked again."]),
        ("Traffic", list(_traffic(report))),
        ("Way back", list(_way_back(report))),
        ("What happened when", [_event(one) for one in report.events] or ["Nothing yet."]),
    )
    lines = [f"# Run {plain(report.id)}", "", *_preface(report)]
    for title, body in sections:
        lines += ["", f"## {title}", "", *body]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def describe_interruption(one: Interruption) -> str:
    """One time without requests, in a sentence."""
    window, felt = one.window, one.felt
    said = f"no requests from {moment(window.since)} for {figure(window.seconds)} s"
    if not window.until:
        said = f"no requests since {moment(window.since)}"
    if felt is None:
        return f"{said}; no gateway tells what its clients had of it"
    if not felt.requests:
        return f"{said}; nobody asked for its models meanwhile"
    answered = f"{felt.requests} requests came for its models: {felt.failed} failed, {felt.elsewhere} went elsewhere"
    waits = f"the longest wait was {figure(felt.longest_wait_seconds)} s"
    return f"{said}; {answered}; {waits}; no answer ended for {figure(felt.no_answer_seconds)} s at most"


def _preface(report: RunbookReport) -> Iterator[str]:
    yield f"- about: {quoted(report.subject)}"
    yield f"- state: {report.state}"
    yield f"- asked for by {plain(report.asked_by)}, {moment(report.created_at)}"
    yield f"- last written {moment(report.updated_at)}"
    if report.note:
        yield f"- {plain(report.note)}"


def _changes(report: RunbookReport) -> Iterator[str]:
    for number, one in enumerate(report.changes, start=1):
        yield from _change(number, one)
    if not report.changes:
        yield "None."


def _change(number: int, one: ChangeLine) -> Iterator[str]:
    when = f", {moment(one.at)}" * bool(one.at)
    yield f"{number}. **{plain(one.what)}**: {WORDS[one.state]}{when}"
    yield f"   - before: {quoted(one.before)}"
    yield f"   - after: {quoted(one.after)}"
    if one.interrupts:
        yield f"   - stops: {plain(one.interrupts)}"
    if one.irreversible:
        yield f"   - cannot be undone: {plain(one.irreversible)}"
    if one.detail:
        yield f"   - {plain(one.detail)}"


def _traffic(report: RunbookReport) -> Iterator[str]:
    if not report.engine:
        yield "No engine was touched."
    elif not report.interruptions:
        yield f"{quoted(report.engine)} kept its requests."
    for one in report.interruptions:
        yield f"- {quoted(report.engine)}: {describe_interruption(one)}"


def _way_back(report: RunbookReport) -> Iterator[str]:
    if report.undo:
        yield f"- {quoted(report.undo)} {plain(report.no_undo)}"
    else:
        yield f"- None: {plain(report.no_undo)}."
    if report.backup:
        command = f"tar --xattrs --xattrs-include='*' -xpf {report.backup} -C /"
        yield f"- A copy from before the first change: {quoted(report.backup)} ({plain(report.kept)})"
        yield f"- The copy is put back without keepwell by {quoted(command)}, on the node, as root"


def _event(one: Event) -> str:
    return f"- {moment(one.at)}  {plain(one.what)}: {WORDS[one.state]}" + f" ({plain(one.detail)})" * bool(one.detail)
