"""What it takes to serve an engine's models with another engine."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.migrating.prepare_report import PrepareReport


async def prepare(
    caller: Caller,
    *,
    models: Annotated[
        list[str] | None,
        Param(
            help="Models as the engine writes them, or MODEL=REPOSITORY; all if left out.", position=True, guarded=True
        ),
    ] = None,
    to: Annotated[str, Param(help="The engine to move to, as `kind` of keepwell.toml.")],
    engine: Annotated[str, Param(help="The engine to move from, where there are several of another kind.")] = "",
    node: Annotated[
        str, Param(help="A node of keepwell.toml or user@host; this machine if left out.", means="place")
    ] = "",
    gpu: Annotated[str, Param(help="A card found there by its name, or GiB (24); the largest if left out.")] = "",
    as_: Annotated[str, Param(help="compose or unit: a file for containers, or units of systemd.")] = "compose",
    write: Annotated[
        str, Param(help="A folder for the files; none of it is overwritten.", hidden_from=("mcp", "api"))
    ] = "",
) -> "PrepareReport":
    """Find each model's counterpart on another engine.

    Format and quantisation that it takes, whether the same file can be served, context used now and its limit, memory
    needed with the sums, whether it fits on the card, and how it is started: a compose file or units, on loopback,
    under the same names. Headers of files are read, nothing is loaded or fetched; what only the network knows is said
    to be unknown, with how to find it, and MODEL=OWNER/NAME or MODEL=/FOLDER tells it. Exit code 1: something is
    unknown or must be filled in; 2: something does not fit.
    """
    from keepwell.app.migrating.prepare import Asked
    from keepwell.app.migrating.prepare import prepare as make_ready

    return await make_ready(
        caller,
        Asked(
            models=tuple(models or ()),
            to=to,
            engine=engine,
            node=node,
            gpu=gpu,
            form=as_,
            write=write,
        ),
    )


OPERATIONS = (Operation(name="migrate prepare", effect="read", function=prepare, view="migrate_prepare"),)
