"""Objectives, and how much of what they allow is used."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.objective_files import ObjectiveFileReport
    from keepwell.app.objectives import ObjectivesReport


async def slo(
    caller: Caller,
    *,
    name: Annotated[str, Param(help="Only the objective of this name.", position=True)] = "",
) -> "ObjectivesReport":
    """Say how objectives stand, and when their allowance ends.

    Objectives are declared in keepwell.toml, each an [[objective]]: which share of requests has to be answered, or
    within which time. Counted from every request that the gateway recorded; the shares are exact at any threshold.
    Requests that waited for their model to be loaded are counted apart in times.
    """
    from keepwell.app.objectives import list_objectives

    return await list_objectives(caller, name)


async def export_slo(
    caller: Caller,
    *,
    form: Annotated[str, Param(help="sloth or openslo.", position=True)] = "sloth",
) -> "ObjectiveFileReport":
    """Write the declared objectives for Sloth or OpenSLO.

    They ask Prometheus for the shares that keepwell counts and serves at /metrics under Sloth's names.
    """
    from keepwell.app.objective_files import export_objectives

    return await export_objectives(caller, form)


async def import_slo(
    caller: Caller,
    *,
    path: Annotated[str, Param(help="A file of Sloth (prometheus/v1) or OpenSLO (openslo/v1).", position=True)],
) -> "ObjectiveFileReport":
    """Read objectives of Sloth or OpenSLO, for keepwell.toml.

    Changes nothing: prints sections to paste. A query that keepwell did not write is guessed from, and the guess
    stands beside it.
    """
    from pathlib import Path

    from keepwell.app.objective_files import import_objectives

    return import_objectives(Path(path))


OPERATIONS = (
    Operation(
        name="slo",
        effect="read",
        function=slo,
        watchable=True,
        for_models=ForModels(
            words="objective promise slo allowance budget availability percent target", takes=("name",)
        ),
    ),
    Operation(name="export slo", effect="read", function=export_slo, faces=("cli", "api"), view="slo_file"),
    Operation(name="import slo", effect="read", function=import_slo, faces=("cli",), view="slo_file"),
)
