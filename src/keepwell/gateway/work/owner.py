"""What an exchange needs of the gateway that owns it."""

from __future__ import annotations

from typing import Protocol

from keepwell.gateway.choice.ask import Effect, Outcome
from keepwell.gateway.work.attempt import Attempt
from keepwell.gateway.work.attest import Attest
from keepwell.gateway.work.loading import Loads
from keepwell.gateway.work.telling import Telling


class Owner(Protocol):
    """The gateway, as one request sees it."""

    attest: Attest
    loads: Loads

    def now(self) -> float:
        """The gateway's clock, in seconds."""
        ...

    def connect(self, attempt: Attempt, *, fresh: bool = False) -> None:
        """Give it a connection: `connected` or `failed_to_connect` is called, perhaps at once. `fresh`: a new one."""
        ...

    def ended_well(self, exchange: Telling, attempt: Attempt) -> None:
        """The request is over, and this attempt was well."""
        ...

    def tried(self, exchange: Telling, replica: str, outcome: Outcome, why: str) -> None:
        """A try ended."""
        ...

    def again(self, exchange: Telling, failed: frozenset[str]) -> Effect:
        """Another try, elsewhere."""
        ...

    def over(self, exchange: Telling) -> None:
        """The request is over."""
        ...

    def find_room(self, route: str, replica: str) -> int:
        """Tokens of context that the replica has for the route's model, 0 where that is not known."""
        ...
