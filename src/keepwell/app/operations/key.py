"""Who may ask the gateway."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.serving.keyring import KeysReport


async def key(
    caller: Caller,
    *,
    action: Annotated[str, Param(help="list, new, set or revoke.", position=True)] = "list",
    name: Annotated[str, Param(help="The key's name.", position=True)] = "",
    words: Annotated[
        list[str] | None,
        Param(help="What it may do, for new and set: per_minute=60 at_once=4 routes=llama*,qwen* ...", position=True),
    ] = None,
) -> "KeysReport":
    """List, make, change or revoke keys of the gateway's clients.

    A new key's secret is shown once and kept nowhere; a running gateway knows new, changed and revoked keys at once.
    What may be said: priority=interactive|normal|batch, weight=2 (its share of a full queue), routes=PATTERN,PATTERN
    (* is all), per_minute=N requests, tokens_per_minute=N, tokens_per_day=N (until local midnight), at_once=N
    requests, admin=yes|no, propose=yes|no, expires=12h|30d|2027-01-31|never. 0 is no limit.
    """
    from keepwell.app.serving.keyring import change_keys

    return change_keys(caller, action, name, words or ())


OPERATIONS = (Operation(name="key", effect="change", function=key, faces=("cli",)),)
