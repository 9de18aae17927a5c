"""The first keepwell.toml, from what is there."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.initialising import InitReport


async def init(
    caller: Caller,
    *,
    out: Annotated[str, Param(help="The file to write.")] = "keepwell.toml",
    force: Annotated[bool, Param(help="Replace the file if it is there already.")] = False,
    stdout: Annotated[bool, Param(help="Print it and write nothing.")] = False,
) -> "InitReport":
    """Write a commented keepwell.toml from what runs here.

    Its engines with how they are started, its services, and examples of all else. No secret is written; a file that
    is there already stays as it is, unless --force is given.
    """
    from keepwell.app.initialising import init_here

    return await init_here(caller, out=out, force=force, stdout=stdout)


OPERATIONS = (Operation(name="init", effect="change", function=init, faces=("cli",)),)
