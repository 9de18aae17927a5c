"""Results of load that later ones are held against."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.benching.baseline_report import BaselinesReport, JudgeReport

_ID = Param(help="A result or group as bench list shows it; the newest if left out.", position=True)


async def baseline(
    caller: Caller,
    *,
    id: Annotated[str, _ID] = "",
    drop: Annotated[bool, Param(help="Take it out of its baseline instead; the result stays.")] = False,
) -> "BaselinesReport":
    """Keep a result as what is normal here; later ones are judged.

    A baseline is of one node, engine and release, model digest, settings, hardware, workload and load; a result that
    differs in one of them is never called a regression of it. More runs make it more exact, best of several evenings.
    """
    from keepwell.app.benching.baseline_report import change_baseline

    return change_baseline(caller, id, drop=drop)


async def baselines(caller: Caller) -> "BaselinesReport":
    """List baselines, and the newest verdict against each."""
    from keepwell.app.benching.baseline_report import list_baselines

    return list_baselines(caller)


async def judge(caller: Caller, *, id: Annotated[str, _ID] = "") -> "JudgeReport":
    """Hold a result against its baseline: same, worse or untold.

    Worse means: unlikely by chance (1 % for all measures together) and by at least 5 %. The verdict is kept; a
    regression is a finding of the hub, of which people are told, until a later run is as before. Exit code 1: worse;
    3: no verdict.
    """
    from keepwell.app.benching.baseline_report import judge_result

    return judge_result(caller, id)


OPERATIONS = (
    Operation(
        name="bench baseline",
        effect="change",
        function=baseline,
        view="bench_baselines",
        proposable=True,
    ),
    Operation(
        name="bench baselines",
        effect="read",
        function=baselines,
        view="bench_baselines",
        for_models=ForModels(words="benchmark regressed slower baseline normal usual worse"),
    ),
    Operation(
        name="bench judge",
        effect="change",
        function=judge,
        view="bench_judge",
        proposable=True,
    ),
)
