"""Find every direct use of an engine in a tree, judge it, and render the new lines as a patch. Nothing is written."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from keepwell.app.migrating.audit_report import (
    AuditedFile,
    AuditedLine,
    AuditedUse,
    AuditReport,
    NamedModel,
    Passed,
)
from keepwell.app.operation import Caller
from keepwell.app.serving.offering import GatewayOptions, find_listens
from keepwell.app.wiring import read_config
from keepwell.audit.document import Document, read_document
from keepwell.audit.patch import render_patch
from keepwell.audit.secrets import mask_line
from keepwell.audit.target import Target, parse_target
from keepwell.audit.use import Use
from keepwell.audit.walk import Walked, list_files, read_file
from keepwell.core.errors import NotThere
from keepwell.plugins.uses import Verdict, load_knowledge

#: Files between two words about how far the work is; also how long Ctrl-C may take.
AT_ONCE = 40
_WEIGHT: dict[Verdict, int] = {"unchanged": 0, "line": 1, "none": 2}
#: Addresses that listen everywhere, and the one by which this machine reaches them.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(slots=True)
class _Found:
    """What the work has come to."""

    files: list[AuditedFile] = field(default_factory=list)
    patches: list[str] = field(default_factory=list)
    models: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0
    long_lines: int = 0
    cut: int = 0


async def audit(caller: Caller, path: str, *, to: str = "", patch: bool = False, tests: bool = False) -> AuditReport:
    """Look through a folder or file, its tests only where asked.

    Raises NotThere for a path that is none, ConfigurationError for a bad `to`.
    """
    begun = time.monotonic()
    root = Path(path).expanduser()
    if not path.strip():
        raise NotThere("no folder was named", hint="keepwell migrate audit .")
    target = _find_target(caller, to)
    walked, found, known = Walked(), _Found(), load_knowledge()
    names = list_files(root, walked)
    base = root
    if names == [root]:
        base = root.parent
    root_of_patch = find_patch_root(base.resolve())
    prefix = base.resolve().relative_to(root_of_patch).as_posix().removeprefix(".")
    for number, one in enumerate(names):
        if number % AT_ONCE == 0:
            caller.progress(f"reading {one.parent.name}", number, len(names))
            await asyncio.sleep(0)
        source = read_file(one, one.relative_to(base).as_posix(), walked, tests=tests or base != root)
        if source is not None:
            _take(found, read_document(source, known, target), prefix)
    walked.skipped["long lines"] += found.long_lines
    walked.skipped["uses over the limit of a file"] += found.cut
    report = _report(root, target, found, walked)
    told = "".join(found.patches) * patch
    report = replace(report, tests=tests)
    if patch:
        for line in _describe_patch(report):
            caller.note(line)
    return _finish(report, begun, str(root_of_patch), told, patch)


def find_patch_root(folder: Path) -> Path:
    """Where `git apply` has to run: the top of the git tree that the folder lies in, else the folder."""
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)


def _find_target(caller: Caller, to: str) -> Target:
    """The gateway's address as it was given, else where keepwell.toml lets it listen, else the usual one."""
    if to:
        return parse_target(to)
    config = read_config(caller, "")
    host, port = find_listens(GatewayOptions(), config)[0]
    scheme = "https" * bool(config.gateway.certificate) or "http"
    return Target(scheme=scheme, host=_EVERYWHERE.get(host, host), port=port)


def _take(found: _Found, document: Document, prefix: str) -> None:
    """Add one file to what was found."""
    found.long_lines += document.long_lines
    found.cut += document.cut
    if not document.uses:
        return
    path = document.source.path
    whole = "/".join(part for part in (prefix, path) if part)
    left_out = dict.fromkeys(document.changed, "the file is not UTF-8")
    if document.source.exact:
        made = render_patch(whole, document.lines, document.changed)
        left_out = dict(made.left_out)
        found.patches.append(made.text)
    lines = [_line(document, number, uses, left_out) for number, uses in _by_line(document.uses)]
    found.files.append(AuditedFile(path=path, lines=tuple(lines)))
    found.models.update(mask_line(one.what) for one in document.uses if one.kind == "model" and not one.what.isupper())
    found.elsewhere += sum(one.elsewhere for one in document.uses)


def _by_line(uses: Iterable[Use]) -> list[tuple[int, list[Use]]]:
    rows: dict[int, list[Use]] = {}
    for one in uses:
        if one not in rows.setdefault(one.line, []):
            rows[one.line].append(one)
    return sorted(rows.items())


def _line(document: Document, number: int, uses: Sequence[Use], left_out: dict[int, str]) -> AuditedLine:
    changed = number in document.changed
    return AuditedLine(
        line=number,
        verdict=max((one.verdict for one in uses), key=_weight),
        old=mask_line(document.lines[number - 1].strip()),
        new=mask_line(document.changed.get(number, "").strip()),
        uses=tuple(_use(one) for one in uses),
        in_patch=changed and number not in left_out,
        why_not=left_out.get(number, ""),
    )


def _use(one: Use) -> AuditedUse:
    return AuditedUse(
        kind=one.kind, what=mask_line(one.what), verdict=one.verdict, say=one.say, place=one.place, new=one.new
    )


def _report(root: Path, target: Target, found: _Found, walked: Walked) -> AuditReport:
    lines = [line for file in found.files for line in file.lines]
    verdicts = Counter(use.verdict for line in lines for use in line.uses)
    return AuditReport(
        root=str(root),
        gateway=target.url,
        files=tuple(found.files),
        unchanged=verdicts["unchanged"],
        line=verdicts["line"],
        none=verdicts["none"],
        lines_here=sum(bool(one.new) for one in lines),
        in_patch=sum(one.in_patch for one in lines),
        elsewhere=found.elsewhere,
        models=tuple(NamedModel(name=name, places=count) for name, count in found.models.most_common()),
        read=walked.files,
        read_bytes=walked.bytes,
        seconds=0.0,
        passed=_passed(walked.skipped),
        folders=_passed(walked.folders),
        unreadable=tuple(walked.unreadable),
        complete=walked.complete,
        patch_root="",
    )


def _describe_patch(report: AuditReport) -> Iterator[str]:
    """What a reader of the diff has to know besides it; it goes beside the diff, not into it."""
    yield f"{report.in_patch} of {report.lines_here} lines that have to change are in the patch"
    for file in report.files:
        for line in file.lines:
            if line.why_not:
                yield f"by hand: {file.path}:{line.line}: {line.new}  ({line.why_not})"
            for use in line.uses:
                if use.new:
                    yield f"{use.place}: {use.new}  (for {file.path}:{line.line})"
    if report.none:
        yield f"{report.none} uses have no equivalent: keepwell migrate audit {report.root} tells which"


def _finish(report: AuditReport, begun: float, patch_root: str, patch: str, patch_only: bool) -> AuditReport:
    seconds = round(time.monotonic() - begun, 3)
    return replace(report, seconds=seconds, patch_root=patch_root, patch=patch, patch_only=patch_only)


def _passed(counts: Counter[str]) -> tuple[Passed, ...]:
    return tuple(Passed(what=what, count=count) for what, count in counts.most_common() if count)


def _weight(verdict: Verdict) -> int:
    return _WEIGHT[verdict]
