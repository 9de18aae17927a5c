"""Do the files that define containers ask for the node's GPUs so that they get them?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keepwell.core.finding import Check, Finding, Status
from keepwell.core.observation import Observation, Seen, Value
from keepwell.core.ref import Ref
from keepwell.core.values import row_of, rows_of, text_of, texts_of

CHECK = "container_gpu.definition"
_WEIGHTS = {"critical": Status.CRITICAL, "warning": Status.WARNING}


def judge_definitions(seen: Seen) -> Iterator[Finding]:
    """One finding a file, and one a service that asks for a GPU or should: its worst mistake with file and line."""
    for one in seen.named("host.container_files"):
        for row in rows_of(row_of(one.value).get("files")):
            yield _judge(one, row)


def _judge(one: Observation, row: Mapping[str, Value]) -> Finding:
    path, service = text_of(row, "path"), text_of(row, "service")
    mistakes = sorted(rows_of(row.get("mistakes")), key=_rank)
    subject, about = Ref("path", (one.subject.node, path)), f"{path} is read"
    if service:
        subject = Ref("container", (one.subject.node, f"{service}@{path}"))
        about = f"{path}: {service} asks for the GPU as it should"
    status, words, line, kind = Status.OK, about, "", "right"
    if mistakes:
        worst = mistakes[0]
        status, line, kind = _WEIGHTS[text_of(worst, "weight")], text_of(worst, "line"), text_of(worst, "kind")
        named = f"{service}: " * bool(service)
        words = f"{path}:{line}: {named}{text_of(worst, 'words')}"
        words += f" (and {len(mistakes) - 1} more)" * (len(mistakes) > 1)
    facts = {"kind": kind, "file": path, "file_kind": text_of(row, "kind"), "line": line, "service": service}
    facts |= {"container": " ".join(texts_of(row.get("containers")))}
    return Finding(
        check=CHECK,
        subject=subject,
        status=status,
        message=words,
        facts={key: value for key, value in facts.items() if value},
        evidence=(one,),
    )


def _rank(row: Mapping[str, Value]) -> tuple[bool, int]:
    line = row.get("line")
    if not isinstance(line, int):
        line = 0
    return text_of(row, "weight") != "critical", line


CHECKS = (
    Check(
        id=CHECK,
        title="Containers' definitions ask for the GPU so that they get it",
        needs=("host.container_files",),
        judge=judge_definitions,
    ),
)
