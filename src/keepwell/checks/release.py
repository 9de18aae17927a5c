"""What runs against what is installed, and what a container's image wants against what the node's driver has."""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Seen
from keepwell.core.ref import node
from keepwell.core.values import row_of, rows_of, text_of
from keepwell.plugins.facts import engine_finding
from keepwell.plugins.settings import parse_release

#: What Linux adds to the path of a running program whose file is no longer the one that was started.
REPLACED = " (deleted)"


def judge_program(seen: Seen) -> Iterator[Finding]:
    """WARNING when the file of a running engine was replaced or removed since it was started: an upgrade is on disk,
    and the old release serves on.
    """
    for one in seen.named("engine.process"):
        exe = text_of(row_of(one.value), "exe")
        if not exe:
            continue
        path = exe.removesuffix(REPLACED)
        version = seen.value(one.subject, "engine.version")
        facts = {"path": path, "kind": "same"}
        if isinstance(version, str):
            facts["version"] = version
        status, words = Status.OK, f"runs the program that lies at {path}"
        if exe.endswith(REPLACED):
            status, facts["kind"] = Status.WARNING, "replaced"
            words = f"runs a program that is no longer at {path}: it was replaced, and the engine not started again"
        yield engine_finding(seen, one, "release.program", status, words, facts)


def judge_api(seen: Seen) -> Iterator[Finding]:
    """WARNING when a container's image was made for a newer major release of the compute API than the driver has.

    A newer minor release runs on most drivers of the same major one, so that it is told and not judged.
    """
    for one in seen.named("engine.container"):
        drivers = rows_of(seen.value(node(one.subject.node), "device.driver"))
        has = {text_of(row, "vendor"): text_of(row, "api") for row in drivers}
        for row in rows_of(row_of(one.value).get("drivers")):
            vendor, wanted = text_of(row, "vendor"), text_of(row, "wanted_api")
            api = has.get(vendor, "")
            need, limit = parse_release(wanted), parse_release(api)
            if not need or not limit:
                continue
            status, kind = Status.OK, "fits"
            words = f"has an image for {vendor}'s API {wanted}, and the driver has {api}"
            if need[:1] > limit[:1]:
                status, kind = Status.WARNING, "major"
            elif need > limit:
                kind = "minor"
            facts = {"kind": kind, "vendor": vendor, "wanted": wanted, "api": api}
            yield engine_finding(seen, one, "release.api", status, words, facts)
            break


CHECKS: tuple[Check, ...] = (
    Check(
        id="release.program",
        title="What runs is what is installed",
        needs=("engine.process", "engine.version"),
        judge=judge_program,
    ),
    Check(
        id="release.api",
        title="The driver is new enough for the container's image",
        needs=("engine.container", "device.driver"),
        judge=judge_api,
        level=2,
    ),
)
