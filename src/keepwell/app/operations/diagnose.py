"""What is wrong, and why: of this machine, or of a text that somebody pasted."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.report import DiagnosesReport, DiagnosisReport

_TARGETS = Param(
    help="Where to look: nodes of keepwell.toml or `all`, user@host, FILE.kwb; this machine if left out.",
    position=True,
    means="place",
)
_LEVEL = Param(
    help="How deep to look: 1 engines and network, 2 also GPUs, disks, memory, "
    "3 also asks engines to answer, 4 also how fast they are.",
    minimum=1,
    maximum=4,
    guarded=True,
    free_up_to=2,
)


async def diagnose(
    caller: Caller,
    *,
    targets: Annotated[list[str] | None, _TARGETS] = None,
    level: Annotated[int, _LEVEL] = 2,
    yes: Annotated[
        bool, Param(help="Agree to what levels 3 and 4 do, such as loading a model.", short="-y", guarded=True)
    ] = False,
    since: Annotated[str, Param(help="How far back logs are read: 30m, 6h, 2d.")] = "",
    evidence: Annotated[
        str,
        Param(
            help="Say what this log or pasted text means, instead of looking at this machine; - is standard input.",
            short="-e",
            hidden_from=("mcp", "api"),
        ),
    ] = "",
    text: Annotated[
        str,
        Param(help="Log lines or an error text to judge, instead of looking at this machine.", hidden_from=("cli",)),
    ] = "",
    evidence_jsonl: Annotated[
        str,
        Param(
            help='Answer many texts: a file of {"id", "evidence"} lines, one JSON line each; - is standard input.',
            hidden_from=("mcp", "api"),
        ),
    ] = "",
) -> "DiagnosisReport | DiagnosesReport | None":
    """Say what is wrong with the LLM servers here, and why.

    And how sure that is, what to do, and which check would settle a doubt. Looks at processes, sockets, units,
    containers, logs, GPUs, disks and limits, and at what each engine
    answers. Changes nothing; levels 1 and 2 load no model and wake no GPU, levels 3 and 4 ask first.
    """
    from keepwell.app import diagnosing

    if evidence_jsonl:
        return diagnosing.answer_lines(caller, evidence_jsonl)
    if evidence:
        return diagnosing.diagnose_file(caller, evidence)
    if text:
        return diagnosing.diagnose_text(text, caller)
    depth = diagnosing.make_depth(caller, level=level, since=since, yes=yes)
    return await diagnosing.diagnose_targets(caller, targets or (), depth)


OPERATIONS = (Operation(name="diagnose", effect="read", function=diagnose, paged=True),)
