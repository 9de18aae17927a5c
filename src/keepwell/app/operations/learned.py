"""What closed incidents taught: told, passed on, taken over, taken back."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param
from keepwell.core.errors import ConfigurationError

if TYPE_CHECKING:
    from keepwell.app.lessons.learned_report import LearnedReport


async def learned(
    caller: Caller,
    *,
    export: Annotated[
        str, Param(help="Write what was learned to this file, without names, paths and people.", hidden_from=("api",))
    ] = "",
    import_: Annotated[
        str,
        Param(help="Take over what another fleet exported; counts half; - is standard input.", hidden_from=("api",)),
    ] = "",
    name: Annotated[
        str, Param(help="With --import: its name here; the file's if left out.", hidden_from=("api",))
    ] = "",
    undo: Annotated[str, Param(help="Take back what one incident taught, or all of one import.")] = "",
) -> "LearnedReport":
    """Tell what was learned when, from which incident.

    How weights and priors moved by it, and which causes are drafts. With --export, --import and --undo: pass it on,
    take over another fleet's, take a lesson back.
    """
    from keepwell.app.lessons import overlay

    if sum(map(bool, (export, import_, undo))) > 1:
        raise ConfigurationError("one of --export, --import and --undo at a time")
    if export:
        return overlay.export_learned(caller, export)
    if import_:
        return overlay.import_learned(caller, import_, name)
    if undo:
        return overlay.undo_learned(caller, undo)
    return overlay.show_learned(caller)


OPERATIONS = (
    Operation(name="learned", effect="change", function=learned, faces=("cli", "api"), reads_without=("undo",)),
)
