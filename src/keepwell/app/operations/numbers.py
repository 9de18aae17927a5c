"""Default numbers that name a hop or a limit."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.numbers import NumbersReport


async def numbers(
    caller: Caller,
    *,
    number: Annotated[
        str,
        Param(
            help="Only what this meets: a length of time (60s, 5m), a size (64MB), or a number (11434).", position=True
        ),
    ] = "",
) -> "NumbersReport":
    """List default limits and ports, and who has each.

    A request that always ends after 60 s most likely met a default that nobody chose: this names whose.
    """
    del caller
    from keepwell.app.numbers import list_numbers

    return list_numbers(number)


OPERATIONS = (
    Operation(
        name="numbers",
        effect="read",
        function=numbers,
        for_models=ForModels(words="timeout limit default port seconds after always size 504 413", takes=("number",)),
    ),
)
