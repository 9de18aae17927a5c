"""Move clients to the gateway, and models from one engine to another."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.migrating.audit_report import AuditReport


async def audit(
    caller: Caller,
    *,
    path: Annotated[str, Param(help="A folder or a file: code, compose, .env, units, notebooks ...", position=True)],
    to: Annotated[str, Param(help="The gateway's address as clients reach it, http://192.168.1.5:4000.")] = "",
    patch: Annotated[bool, Param(help="Print the new lines as a diff that `git apply` takes.")] = False,
    tests: Annotated[bool, Param(help="Look through tests too.")] = False,
) -> "AuditReport":
    """Find every direct use of an engine in a tree of files.

    Addresses and ports, client libraries, variables, API paths, commands and names of models; and says of each whether
    it works unchanged through the gateway, needs one line (and which), or has no equivalent (why, and what instead).
    Without --to the gateway is where keepwell.toml lets it listen, else http://127.0.0.1:4000. Nothing is written, no
    engine is asked, secrets are masked. Tests, texts for people (.md, .txt), lock files, comments, .git, node_modules
    and their like are passed over and counted. Exit code 1: something has to change.
    """
    from keepwell.app.migrating.audit import audit as look_through

    return await look_through(caller, path, to=to, patch=patch, tests=tests)


OPERATIONS = (
    Operation(name="migrate audit", effect="read", function=audit, faces=("cli", "mcp"), view="migrate_audit"),
)
