"""What `keepwell collect` and `keepwell bundle` do: make, show, compare and mask bundles again."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from keepwell.app.bundle_report import (
    BundleDifference,
    BundleReport,
    DifferenceRow,
    FindingRow,
    MaskedRow,
    MemberReport,
    MemberRow,
)
from keepwell.app.collecting import Wanted, collect, pack_redacted
from keepwell.app.diagnosing import parse_age
from keepwell.app.looking import expect, remember_look
from keepwell.app.operation import Caller
from keepwell.app.targets import find_target
from keepwell.app.wiring import reach, wire
from keepwell.bundling.compare import compare
from keepwell.core.errors import ConfigurationError, DamagedError, NotThere, RefusedError
from keepwell.redact import Masked
from keepwell.transport.recorded.bundle import MANIFEST, Bundle, Manifest, open_bundle, parse_bundle, save_bundle

#: What the members that every bundle has are.
_WHAT = {
    MANIFEST: "what this file is, with size and digest of every other member",
    "node.json": "what was recorded: files, commands, answers",
    "texts.json": "where each of the large texts belongs",
    "masked.json": "what was masked where (never the value)",
    "expected.json": "the engines that were expected",
    "findings.json": "what keepwell's checks said on the spot",
    "diagnosis.json": "the causes that keepwell named on the spot",
}
#: Members made from the tape, which are made again when it is packed again.
_MADE = frozenset({MANIFEST, "node.json", "texts.json", "masked.json"})
#: Differences that are listed; more only say that these are two machines.
_ROWS = 500
_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9.-]+")


async def make_bundle(
    caller: Caller, target: str, *, out: str, level: int, since: str, names: bool, dry_run: bool
) -> BundleReport:
    """Look at a node and write its bundle, or with `dry_run` only say what would be in it."""
    if out and not Path(out).absolute().parent.is_dir():
        raise NotThere("the bundle cannot be written: there is no such folder", where=str(Path(out).parent))
    async with wire(caller) as wiring:
        place = find_target(target, wiring.config, wiring.hands.name)
        if place.bundle is not None:
            raise ConfigurationError(f"{target} is a bundle already", hint="keepwell bundle show, diff or redact")
        window = wiring.config.diagnose.since_seconds
        if since:
            window = parse_age(since)
        async with reach(wiring, place) as reached:
            wanted = Wanted(
                level=level,
                since_seconds=window,
                origins=tuple(wiring.config.diagnose.expect_origin),
                expected=expect(wiring, reached.transport.name),
                names=names,
            )
            got = await collect(reached.transport, reached.clock, wanted, caller.progress)
            remember_look(wiring, got.result)
    path = Path(out or _usual_name(got.manifest))
    if not dry_run:
        save_bundle(got.archive, path)
    bundle = parse_bundle(got.archive, path)
    return _report(bundle, len(got.archive), got.masked, made=True, dry_run=dry_run)


def show_bundle(path: str, member: str) -> BundleReport | MemberReport:
    """What a bundle holds, or one of its members. Errors as `open_bundle`, NotThere for no such member."""
    bundle = open_bundle(Path(path))
    if not member:
        return _report(bundle, Path(path).stat().st_size, _masked_in(bundle))
    content = _find_member(bundle, member)
    if content is None:
        raise NotThere(
            f"no member or recorded file is called {member}", where=path, hint=f"keepwell bundle show {path}"
        )
    return MemberReport(path=path, member=member, text=content.decode("utf-8", "replace"))


def compare_bundles(before: str, after: str) -> BundleDifference:
    """In what two bundles differ: versions, settings, findings, files by digest."""
    one, two = open_bundle(Path(before)), open_bundle(Path(after))
    rows = compare(one.tape, two.tape)
    rows += _finding_rows(_findings_in(one), _findings_in(two))
    made = [DifferenceRow(kind=row[0], what=row[1], before=row[2], after=row[3]) for row in rows]
    return BundleDifference(before=before, after=after, rows=tuple(made[:_ROWS]), left_out=max(0, len(made) - _ROWS))


def mask_bundle(path: str, *, out: str, names: bool) -> BundleReport:
    """Redact a bundle again, with the rules of this release and, with `names`, host names too."""
    bundle = open_bundle(Path(path))
    manifest = bundle.manifest
    manifest.names_masked = manifest.names_masked or names
    papers = {name: text for name, text in bundle.members.items() if name not in _MADE and "/" not in name}
    archive, masked = pack_redacted(manifest, bundle.tape, papers)
    target = Path(out or path)
    if target.resolve() != Path(path).resolve() and target.exists():
        raise RefusedError("something lies there already", where=str(target), hint="choose another name with --out")
    save_bundle(archive, target)
    return _report(parse_bundle(archive, target), len(archive), masked, made=True)


def _usual_name(manifest: Manifest) -> str:
    at = time.strftime("%Y%m%d-%H%M%S", time.gmtime(manifest.recorded_at))
    return f"keepwell-{_UNSAFE_NAME.sub('-', manifest.node).strip('-') or 'node'}-{at}.kwb"


def _report(
    bundle: Bundle, size: int, masked: Iterable[Masked], *, made: bool = False, dry_run: bool = False
) -> BundleReport:
    manifest = bundle.manifest
    members = [
        MemberRow(name=name, bytes=len(content), what=_WHAT.get(name, "a text that was read"))
        for name, content in bundle.members.items()
    ]
    places = Counter((one.place, one.kind) for one in masked)
    return BundleReport(
        path=str(bundle.path) * (not dry_run),
        bytes=size,
        node=manifest.node,
        keepwell=manifest.keepwell,
        recorded_at=manifest.recorded_at,
        level=manifest.level,
        seconds=manifest.seconds,
        names_masked=manifest.names_masked,
        members=tuple(members),
        masked=manifest.masked,
        places=tuple(MaskedRow(place=place, kind=kind, count=count) for (place, kind), count in places.items()),
        findings=tuple(one for one in _findings_in(bundle) if one.status in ("warning", "critical")),
        causes=_causes_in(bundle),
        made=made,
        dry_run=dry_run,
    )


class _MaskedForm(msgspec.Struct):
    place: str
    offset: int
    kind: str
    token: str


class _CauseForm(msgspec.Struct):
    issue: str
    confidence: float


class _DiagnosisForm(msgspec.Struct):
    hypotheses: list[_CauseForm] = []


def _masked_in(bundle: Bundle) -> tuple[Masked, ...]:
    rows = _parse(bundle, "masked.json", list[_MaskedForm], [])
    return tuple(Masked(place=one.place, offset=one.offset, kind=one.kind, token=one.token) for one in rows)


def _findings_in(bundle: Bundle) -> tuple[FindingRow, ...]:
    return tuple(_parse(bundle, "findings.json", list[FindingRow], []))


def _causes_in(bundle: Bundle) -> tuple[tuple[str, float], ...]:
    form = _parse(bundle, "diagnosis.json", _DiagnosisForm, _DiagnosisForm())
    return tuple((one.issue, one.confidence) for one in form.hypotheses)


def _parse(bundle: Bundle, member: str, form: Any, default: Any) -> Any:
    """A paper of the bundle as this form; DamagedError if it is none."""
    text = bundle.members.get(member)
    if text is None:
        return default
    try:
        return msgspec.json.decode(text, type=form)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{member}: {error}", where=str(bundle.path)) from error


def _find_member(bundle: Bundle, name: str) -> bytes | None:
    """A member by its name, or a recorded file by its path."""
    if name in bundle.members:
        return bundle.members[name]
    file = bundle.tape.files.get(name)
    if file is None or not file.pieces:
        return None
    return b"".join(content for _, content in file.pieces)


def _finding_rows(before: Iterable[FindingRow], after: Iterable[FindingRow]) -> list[tuple[str, str, str, str]]:
    one, two = _by_key(before), _by_key(after)
    keys = sorted(one.keys() | two.keys())
    return [("finding", key, one.get(key, ""), two.get(key, "")) for key in keys if one.get(key) != two.get(key)]


def _by_key(findings: Iterable[FindingRow]) -> Mapping[str, str]:
    return {f"{one.check} {one.subject}": one.status for one in findings}
