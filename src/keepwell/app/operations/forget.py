"""An engine that is gone for good is not missed any longer."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.forgetting import ForgetReport


async def forget(
    caller: Caller,
    *,
    url: Annotated[str, Param(help="The engine's address, as `keepwell status` shows it.", position=True)],
) -> "ForgetReport":
    """Stop missing an engine that was taken away on purpose.

    keepwell remembers engines that it saw serving, and calls it critical when one is gone. An engine that is
    declared in keepwell.toml, or that a service unit should run, is not forgotten by this.
    """
    from keepwell.app.forgetting import forget_engine

    return forget_engine(caller, url)


OPERATIONS = (Operation(name="forget", effect="change", function=forget, faces=("cli", "api")),)
