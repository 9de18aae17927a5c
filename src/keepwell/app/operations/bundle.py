"""Files that hold a node."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param
from keepwell.core.errors import ConfigurationError

if TYPE_CHECKING:
    from keepwell.app.bundle_report import BundleDifference, BundleReport, MemberReport


async def bundle(
    caller: Caller,
    *,
    action: Annotated[str, Param(help="show, diff or redact.", position=True)],
    files: Annotated[list[str], Param(help="The bundle; two of them for diff.", position=True)],
    file: Annotated[str, Param(help="With show: print this member, or this recorded file by its path.")] = "",
    names: Annotated[bool, Param(help="With redact: mask host names too.")] = False,
    out: Annotated[str, Param(help="With redact: the file to write; the same if left out.", short="-o")] = "",
) -> "BundleReport | MemberReport | BundleDifference":
    """Show, compare or redact what `keepwell collect` wrote.

    show FILE says what is in it; diff A B in what two differ: versions, settings, findings, files by digest;
    redact FILE masks again with the rules of this release. What is wrong with the node in it: keepwell diagnose FILE.
    """
    from keepwell.app import bundles

    wanted = {"show": 1, "diff": 2, "redact": 1}.get(action)
    if wanted is None:
        raise ConfigurationError(f"{action!r} is nothing that can be done", hint="write show, diff or redact")
    if len(files) != wanted:
        raise ConfigurationError(f"{action} takes {wanted} file(s), got {len(files)}")
    if action == "show":
        return bundles.show_bundle(files[0], file)
    if action == "diff":
        return bundles.compare_bundles(files[0], files[1])
    return bundles.mask_bundle(files[0], out=out, names=names)


OPERATIONS = (Operation(name="bundle", effect="read", function=bundle, faces=("cli",)),)
