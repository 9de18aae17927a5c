"""GPUs that one place sees against GPUs that another does not."""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.checks.text.rows import rows_named, tell
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen
from keepwell.core.values import text_of

CHECK = "text.gpu"


def judge_gpu(seen: Seen) -> Iterator[Finding]:
    """Bad when the machine shows GPUs and a container or an engine does not get them; says what is known of why."""
    lost = [row for row in rows_named(seen, "text.gpus", kind="lost") if text_of(row, "where") != "host"]
    sights = rows_named(seen, "text.gpus", kind="seen")
    outside = [row for row in sights if text_of(row, "where") != "container" and text_of(row, "by") == "driver"]
    if lost and outside:
        words = "the machine's driver lists GPUs, and inside the container they cannot be opened"
        yield tell(CHECK, Status.CRITICAL, words, [*lost, *outside], seen, kind="lost-in-container")
        return
    missing = rows_named(seen, "text.gpus", kind="no-program")
    plain = [row for row in rows_named(seen, "host.containers") if text_of(row, "gpus") == "none"]
    if missing and plain and len(plain) == len(rows_named(seen, "host.containers")):
        words = f"the container {text_of(plain[0], 'name')} asks for no GPU, and the driver's program is not inside"
        facts = {"kind": "not-requested", "container": text_of(plain[0], "name"), "image": text_of(plain[0], "image")}
        yield tell(CHECK, Status.WARNING, words, [*plain, *missing], seen, **facts)
        return
    blind = rows_named(seen, "text.gpus", kind="none", by="engine")
    if not blind:
        return
    containers = [row for row in rows_named(seen, "host.containers") if text_of(row, "engine")]
    bare = [row for row in containers if text_of(row, "gpus") == "none"]
    if bare and len(bare) == len(containers):
        words = f"the engine finds no GPU, and its container {text_of(bare[0], 'name')} asks for none"
        facts = {"kind": "not-requested", "container": text_of(bare[0], "name"), "image": text_of(bare[0], "image")}
        yield tell(CHECK, Status.WARNING, words, [*bare, *blind], seen, **facts)
    elif containers:
        words = f"the engine finds no GPU, though its container asks for {text_of(containers[0], 'gpus')}"
        yield tell(CHECK, Status.WARNING, words, [*containers, *blind], seen, kind="requested")
    elif outside:
        words = "the driver lists GPUs, and the engine finds none"
        yield tell(CHECK, Status.WARNING, words, [*blind, *outside], seen, kind="engine-blind")
