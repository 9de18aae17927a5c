"""Where the web pages are."""

from typing import TYPE_CHECKING

from keepwell.app.operation import Caller, Operation

if TYPE_CHECKING:
    from keepwell.app.web_address import WebReport


async def web(caller: Caller) -> "WebReport":
    """Tell where the web pages are; sign in without a key.

    The link signs a browser in as the owner of the state folder, once and within five minutes. Its code stands behind
    the #, which no server and no log gets to see. Who is on this machine may read without it, unless the hub listens
    to others too.
    """
    from keepwell.app.web_address import find_pages

    return find_pages(caller)


OPERATIONS = (Operation(name="web", effect="read", function=web, faces=("cli",)),)
