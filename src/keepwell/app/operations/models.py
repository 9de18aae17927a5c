"""Model stores: what lies in them, whether it is whole, and what can be set aside."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, ForModels, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.repair_report import PlanReport
    from keepwell.app.stores.migrate_report import MigrateReport
    from keepwell.app.stores.report import ModelsReport, VerifyReport

_ENGINE = Param(
    help="Only this engine's store, by its kind, or the store in this folder; all stores if left out.",
    position=True,
    means="name",
)
_NODE = Param(
    help="Another node, by its name in keepwell.toml or its address; this machine if left out.", means="place"
)


async def verify(
    caller: Caller, *, engine: Annotated[str, _ENGINE] = "", node: Annotated[str, _NODE] = ""
) -> "VerifyReport":
    """Read every byte of the model stores; say what is not whole.

    Blobs are compared with the digest in their name, manifests and snapshots with the files that they name, weights
    with what their header promises. Told are corrupt, cut, missing and unreadable files, bad manifests, downloads that
    did not end, files that no model names, and files that repeat others. Changes nothing; reads as fast as the disk
    and the cores of its node can. Exit code 2: a model does not work.
    """
    from keepwell.app.stores.verifying import verify as read_all

    return await read_all(caller, engine, node)


async def list_(
    caller: Caller, *, engine: Annotated[str, _ENGINE] = "", node: Annotated[str, _NODE] = ""
) -> "ModelsReport":
    """List models in stores: size, what they share, what is wrong.

    Reads names, manifests and headers alone.
    """
    from keepwell.app.stores.verifying import list_models

    return await list_models(caller, engine, node)


async def clean(
    caller: Caller, *, engine: Annotated[str, _ENGINE] = "", node: Annotated[str, _NODE] = ""
) -> "PlanReport":
    """Plan to set aside what is broken or needed by nothing.

    Verifies first. Broken blobs, bad manifests, downloads that did not end, and blobs that no model names are renamed
    into a folder beside the store; nothing is deleted. What changed within the last hour stays, and blobs stay as long
    as a manifest is bad that may name them. Changes nothing: `keepwell apply` carries it out, `keepwell undo` puts
    all of it back.
    """
    from keepwell.app.stores.cleaning import plan_cleaning

    return await plan_cleaning(caller, engine, node)


async def migrate(
    caller: Caller,
    *,
    engine: Annotated[str, Param(help="The engine, by its kind or name, or the folder of its store.", position=True)],
    to: Annotated[str, Param(help="The new folder, on another disk; the folder above it is there already.")],
    node: Annotated[str, _NODE] = "",
    setting: Annotated[
        bool, Param(help="Let the engine's own setting name the new folder, and start it again; else a link does.")
    ] = False,
    limit: Annotated[str, Param(help='Copy no faster than this, like "100 MiB/s".')] = "",
) -> "MigrateReport":
    """Move a model store to another disk while it serves.

    Every file is copied with its digest, read again from the new disk, and copied anew if it changed meanwhile. Then
    the engine gets no requests through the gateway for a moment, a link takes the old folder's place, and it is tried.
    Broken off at any instant, the same command goes on; `keepwell undo` switches back. The old folder stays whole.
    """
    from keepwell.app.stores.migrating import Wish
    from keepwell.app.stores.migrating import migrate as move

    return await move(caller, Wish(engine=engine, to=to, node=node, setting=setting, limit=limit))


OPERATIONS = (
    Operation(name="models verify", effect="read", function=verify, heavy=True, view="models_verify"),
    Operation(
        name="models list",
        effect="read",
        function=list_,
        view="models_list",
        for_models=ForModels(words="model disk size store corrupt space takes duplicate missing"),
    ),
    Operation(name="models clean", effect="read", function=clean, heavy=True, view="plan"),
    Operation(
        name="models migrate",
        effect="change",
        function=migrate,
        faces=("cli", "mcp"),
        view="models_migrate",
        proposable=True,
    ),
)
