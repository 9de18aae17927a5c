"""What it offers beside what is wished, how its files lie, and whether it came back from a restart."""

from __future__ import annotations

from collections.abc import Iterator

from keepwell.checks.smoke.rows import asked, because, tell
from keepwell.core.finding import Finding, Status
from keepwell.core.observation import Seen
from keepwell.core.values import text_of, texts_of


def judge_catalogue(seen: Seen) -> Iterator[Finding]:
    """CRITICAL where a wished model is missing, WARNING where one has another digest or is too much of an exact list;
    UNKNOWN where nothing is wished.
    """
    for one, row in asked(seen, "catalogue"):
        wished, missing = texts_of(row.get("wished")), texts_of(row.get("missing"))
        other, extra = texts_of(row.get("other")), texts_of(row.get("extra"))
        by = ", ".join(texts_of(row.get("by")))
        if not wished:
            words = "may offer what it likes: keepwell.toml wishes no models of it ([[desired]] models, [[route]])"
            yield tell(seen, one, row, Status.UNKNOWN, words)
        elif missing:
            words = f"does not offer {', '.join(missing)}, which {by} asks for"
            yield tell(seen, one, row, Status.CRITICAL, words, kind="missing", missing=", ".join(missing))
        elif other:
            words = f"offers other bytes than {by} asks for: {', '.join(other)}"
            yield tell(seen, one, row, Status.WARNING, words, kind="other-digest", other=", ".join(other))
        elif extra and row.get("exact") is True:
            words = f"offers {', '.join(extra)}, and {by} wishes nothing else than is named"
            yield tell(seen, one, row, Status.WARNING, words, kind="extra", extra=", ".join(extra))
        else:
            more = f", and {len(extra)} more" * bool(extra)
            yield tell(seen, one, row, Status.OK, f"offers all {len(wished)} wished model(s){more}")


def judge_permissions(seen: Seen) -> Iterator[Finding]:
    """WARNING with what the audit finds of its files and accounts."""
    for one, row in asked(seen, "permissions"):
        found = texts_of(row.get("found"))
        if text_of(row, "state") != "looked":
            yield tell(seen, one, row, Status.UNKNOWN, f"was not looked at{because(row)}")
        elif found:
            words = f"is not closed to others as it should be: {found[0]}"
            more = f" (and {len(found) - 1} more: keepwell audit)" * (len(found) > 1)
            yield tell(seen, one, row, Status.WARNING, words + more, checks=", ".join(texts_of(row.get("checks"))))
        else:
            words = "keeps its files closed to others, as far as this user can see"
            yield tell(seen, one, row, Status.OK, words)


def judge_restart(seen: Seen) -> Iterator[Finding]:
    """CRITICAL where it did not come back as it was."""
    for one, row in asked(seen, "restart"):
        state = text_of(row, "state")
        if state == "unasked":
            yield tell(seen, one, row, Status.UNKNOWN, f"was not restarted{because(row)}")
        elif state != "well":
            words = f"did not come back as it was{because(row)}"
            yield tell(seen, one, row, Status.CRITICAL, words, run=text_of(row, "run"))
        else:
            yield tell(seen, one, row, Status.OK, f"came back from a restart{because(row)}", run=text_of(row, "run"))
