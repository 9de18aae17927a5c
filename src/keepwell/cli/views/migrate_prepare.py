"""`keepwell migrate prepare` on a screen: each model's forms with the sums, whether all fit, and how it is started."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from keepwell.app.migrating.prepare_report import Fits, PreparedForm, PreparedModel, PreparedServer, PrepareReport
from keepwell.cli.words import clean, command_line, sign, size
from keepwell.core.finding import Status

_SIGNS: dict[Fits, Status] = {"yes": Status.OK, "no": Status.CRITICAL, "unknown": Status.UNKNOWN}
_WORDS: dict[Fits, str] = {"yes": "fits", "no": "does not fit", "unknown": "whether it fits is not known"}
#: Characters of a line of a file, and of a sentence.
LINE_CHARACTERS, SENTENCE = 2000, 1000


def render(report: PrepareReport) -> RenderableType:
    """Where from and where to, the card, each model, all together, the commands, the files."""
    top = f"{clean(report.source_title)} ({clean(report.source)}) → {clean(report.to_title)}"
    parts: list[RenderableType] = [Text(top, style="bold"), Text(_card(report))]
    for one in report.models:
        parts += [Text(""), *_model(one)]
    if len(report.models) > 1:
        said = f" all together: {size(report.together_bytes)}, {_WORDS[report.together_fits]}"
        parts += [Text(""), Text.assemble(sign(_SIGNS[report.together_fits]), said)]
    for server in report.servers:
        parts += [Text(""), *_server(server)]
    return Group(*parts, *_files(report), *_notes(report))


def _card(report: PrepareReport) -> str:
    if report.card is None:
        return f"card: {report.usable}"
    card = report.card
    return f"card: {clean(card.name)}, {clean(card.source)}; usable {clean(report.usable, SENTENCE)}"


def _model(one: PreparedModel) -> Iterator[Text]:
    kept = " ".join(clean(word) for word in (one.format, one.quantisation) if word) or "how it is kept is not known"
    yield Text.assemble((clean(one.name), "bold"), f"  {kept}, {size(one.weight_bytes)}")
    limit = f", made for {one.context_limit}" * bool(one.context_limit)
    yield Text(f"  context {one.context_tokens} ({clean(one.context_from)}{limit}), {one.at_once} at once")
    if one.source:
        yield Text(f"  its source is {clean(one.source)}")
    if one.bases:
        yield Text(f"  made of {', '.join(clean(base) for base in one.bases)}")
    if one.problem:
        yield Text(f"  {clean(one.problem, SENTENCE)}", style="yellow")
    if not one.forms:
        yield Text("  no counterpart", style="bold red")
    for form in one.forms:
        yield from _form(form)


def _form(form: PreparedForm) -> Iterator[Text]:
    word = {True: "→", False: "or"}[form.chosen]
    name = clean(form.model, SENTENCE) or "its name is not known"
    yield Text(f"  {word} {clean(form.format)} {clean(form.quantisation)}: {name}", style="bold" * form.chosen)
    yield Text(f"     {clean(form.why, SENTENCE)}", style="dim")
    yield from (Text(f"     {clean(line, SENTENCE)}") for line in form.sums)
    most = f"; up to {form.most_tokens} tokens of context fit" * bool(form.most_tokens)
    yield Text.assemble("     ", sign(_SIGNS[form.fits]), f" {size(form.need_bytes)}: {_WORDS[form.fits]}{most}")
    yield from (Text(f"     find it: {clean(line, SENTENCE)}", style="yellow") for line in form.find)
    yield from (Text(f"     note: {clean(line, SENTENCE)}", style="dim") for line in form.notes)


def _server(one: PreparedServer) -> Iterator[Text]:
    ready = {True: "", False: "  (not ready: write the model first)"}[one.ready]
    yield Text(f"{clean(one.name)} at {one.url} serves {', '.join(clean(name) for name in one.models)}{ready}")
    yield Text("  " + " ".join((*(clean(word) for word in one.environment), command_line(one.argv))), style="cyan")
    yield from (Text(f"  then: {command_line(argv)}", style="cyan") for argv in one.afterwards)
    yield from (Text(f"  note: {clean(line, SENTENCE)}", style="dim") for line in one.notes)


def _files(report: PrepareReport) -> Iterator[Text]:
    yield Text("")
    if report.written:
        yield from (Text.assemble(sign(Status.OK), f" wrote {clean(path)}") for path in report.written)
        return
    for one in report.files:
        yield Text(f"── {clean(one.name)}", style="bold")
        yield from (Text(clean(line, LINE_CHARACTERS)) for line in one.text.rstrip("\n").split("\n"))
    yield Text("write them with --write FOLDER", style="dim")


def _notes(report: PrepareReport) -> Iterator[Text]:
    yield from (Text(clean(line, SENTENCE), style="dim") for line in report.notes)
