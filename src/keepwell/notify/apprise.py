"""People told through Apprise: ntfy, Gotify, e-mail, webhooks and a hundred more, each by its address.

Apprise is imported when a message is sent: that takes a quarter of a second, in a process of its own.
"""

from __future__ import annotations

import logging
from io import StringIO
from urllib.parse import unquote

from keepwell.plugins.notifier import Notice

#: Kinds of address that take a priority in the same words; what is critical gets a loud one where none is written.
_LOUD = ("ntfy://", "ntfys://", "gotify://", "gotifys://")
#: Apprise's words for how much a message matters.
_TYPES = {"warning": "warning", "critical": "failure", "resolved": "success", "test": "info"}
#: Parts of an address that are shorter are no secret, and would take too much out of a sentence.
SECRET_CHARS = 4
#: What stands in the place of one.
MASK = "****"
#: Characters of what is said of a failure.
REASON_CHARS = 300


class _Apprise:
    """All addresses that no other notifier takes."""

    title = "Apprise"
    schemes: tuple[str, ...] = ("*",)
    renews_seconds = 0.0

    def send(self, address: str, notice: Notice) -> str:
        """One message to one address; Apprise's own limits on time hold for each connection."""
        import apprise

        said = StringIO()
        listener = logging.StreamHandler(said)
        listener.setFormatter(logging.Formatter("%(message)s"))
        logger = logging.getLogger("apprise")
        logger.addHandler(listener)
        logger.setLevel(logging.INFO)
        try:
            asset = apprise.AppriseAsset(async_mode=False, storage_mode="memory", app_id="keepwell")
            sender = apprise.Apprise(asset=asset)
            if not sender.add(with_priority(address, notice)):
                return "Apprise knows no such address, or it is not whole; see https://appriseit.com"
            taken = sender.notify(title=notice.title, body=notice.body, notify_type=_TYPES[notice.severity])
        finally:
            logger.removeHandler(listener)
        if taken:
            return ""
        return mask_address(_last_problem(said.getvalue()), address)


def with_priority(address: str, notice: Notice) -> str:
    """The address, loud for what is critical, unless it says how loud it is."""
    if notice.severity != "critical" or not address.startswith(_LOUD) or "priority=" in address:
        return address
    joint = {True: "&", False: "?"}["?" in address]
    return f"{address}{joint}priority=high"


def mask_address(text: str, address: str) -> str:
    """The text without anything that stands in the address after its kind; host names may be secrets, too."""
    _, _, rest = address.partition("://")
    for mark in "/?&=@:,;#":
        rest = rest.replace(mark, " ")
    parts = {one for word in rest.split() for one in (word, unquote(word)) if len(one) >= SECRET_CHARS}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, MASK)
    return text[:REASON_CHARS]


def _last_problem(said: str) -> str:
    """The sentence that says why; Apprise tells the kind of failure in its log alone."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " ".join(lines[-2:]) or "it was not taken, without a word why"


NOTIFIER = _Apprise()
