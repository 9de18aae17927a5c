"""Which measurements moved around an instant."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.moving import MovedReport


async def moved(
    caller: Caller,
    *,
    files: Annotated[
        list[str],
        Param(
            help="Measurements: CSV with a column of times, or what Prometheus's query_range answers; - is standard "
            "input.",
            position=True,
        ),
    ],
    at: Annotated[str, Param(help="When it broke: 2026-01-31T10:02, 10:02 on the last day measured, or seconds.")],
    window: Annotated[str, Param(help="How long after it to look: 90s, 10m, 2h.")] = "10m",
) -> "MovedReport":
    """Say which measurements moved when something broke.

    Which moved first, which most, and whether more than chance: what all these series together show in healthy moments
    of their own past. The answer is the same in any unit. "Nothing moved beyond chance" is an answer too.
    From Prometheus: curl "http://HOST:9090/api/v1/query_range?query=...&start=...&end=...&step=15" and `-` as the file.
    """
    from keepwell.app.moving import rank_moves

    return rank_moves(caller, files, at, window)


OPERATIONS = (Operation(name="moved", effect="read", function=moved, faces=("cli",)),)
