"""A node in one file."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.bundle_report import BundleReport


async def collect(
    caller: Caller,
    *,
    target: Annotated[
        str,
        Param(help="A node of keepwell.toml or user@host; this machine if left out.", position=True),
    ] = "",
    out: Annotated[str, Param(help="The file to write; keepwell-NODE-TIME.kwb if left out.", short="-o")] = "",
    level: Annotated[int, Param(help="How deep to look, as in diagnose.", minimum=1, maximum=2)] = 2,
    since: Annotated[str, Param(help="How far back logs are read: 30m, 6h, 2d.")] = "",
    names: Annotated[bool, Param(help="Mask host names too.")] = False,
    dry_run: Annotated[bool, Param(help="Show what would be in it and what would be masked; write nothing.")] = False,
) -> "BundleReport":
    """Write what can be seen of a node into one redacted file.

    Passwords, keys, tokens, e-mail addresses, names of people and their home folders, serial numbers, UUIDs, MAC
    and public IP addresses are replaced by tokens such as <email-1>; the list of what was masked where is in the
    file. Read it before you send it: keepwell bundle show FILE. Changes nothing on the node.
    """
    from keepwell.app.bundles import make_bundle

    return await make_bundle(caller, target, out=out, level=level, since=since, names=names, dry_run=dry_run)


OPERATIONS = (Operation(name="collect", effect="read", function=collect, faces=("cli",)),)
