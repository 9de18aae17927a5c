"""Who may ask: keys that are stored as digests, their limits, and the names by which this gateway may be called."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from keepwell.gateway.facts import Facts
from keepwell.gateway.inbound import Request
from keepwell.plugins.dialect import Failure
from keepwell.store.keys import Key

#: Presented keys whose digest is remembered, so that it is not made for each request.
REMEMBERED = 1024
#: Names by which a machine calls itself.
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(slots=True)
class Spending:
    """What one key has used: a bucket that fills with time for requests and one for tokens, and requests at work."""

    requests: float = 0.0
    tokens: float = 0.0
    at: float = 0.0
    running: int = 0


class Refused(Exception):
    """The request may not be made."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


NOBODY = Key(name="", digest="")


@dataclass(slots=True)
class Access:
    """Checks each request. Without keys everybody is admitted, unless a key is `required`: then nobody is."""

    keys: dict[str, Key] = field(default_factory=dict)
    hosts: frozenset[str] = LOCAL_NAMES
    required: bool = False
    _seen: dict[bytes, Key] = field(default_factory=dict)
    _called: dict[bytes, bool] = field(default_factory=dict)
    _spent: dict[str, Spending] = field(default_factory=dict)

    def replace(self, keys: Iterable[Key], hosts: frozenset[str], *, required: bool = False) -> None:
        """Other keys, at once."""
        self.keys = {one.digest: one for one in keys}
        self.hosts = LOCAL_NAMES | hosts
        self.required = required
        self._seen.clear()
        self._called.clear()

    def admit(self, request: Request) -> Key:
        """The key of a request that may be made; raises Refused."""
        host = request.named.get(b"host")
        if host and not self._may_be_called(host):
            message = f"this gateway is not called {host.decode('latin-1')[:100]!r}"
            raise Refused(Failure(status=403, kind="host_refused", message=message))
        if not self.keys and not self.required:
            return NOBODY
        key = self._find(request)
        if key is None:
            message = "a key is needed: send it as `Authorization: Bearer KEY` or `x-api-key: KEY`"
            raise Refused(Failure(status=401, kind="invalid_api_key", message=message))
        return key

    def charge(self, key: Key, now: float) -> None:
        """A request of this key begins, and `spent` will be called; raises Refused where a limit is reached."""
        if key.per_minute or key.tokens_per_minute or key.at_once:
            self._charge(key, now)

    def spent(self, facts: Facts) -> None:
        """A request of a key is over: its tokens count."""
        spending = self._spent.get(facts.key)
        if spending is not None:
            spending.running = max(0, spending.running - 1)
            spending.tokens -= max(0, facts.usage.input_tokens) + max(0, facts.usage.output_tokens)

    def _may_be_called(self, host: bytes) -> bool:
        known = self._called.get(host)
        if known is None:
            if len(self._called) >= REMEMBERED:
                self._called.clear()
            known = self._called[host] = self._is_own(host)
        return known

    def _is_own(self, host: bytes) -> bool:
        name = host.decode("latin-1").strip().lower()
        if name in self.hosts:
            return True
        name = name.rpartition("]")[0].lstrip("[") or name.partition(":")[0]
        if name in self.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _find(self, request: Request) -> Key | None:
        """By digest: how long it takes tells nothing about the secret of any key."""
        shown = request.named.get(b"authorization") or request.named.get(b"x-api-key", b"")
        known = self._seen.get(shown)
        if known is not None:
            return known
        secret = shown.removeprefix(b"Bearer ").removeprefix(b"bearer ").strip()
        key = self.keys.get(hashlib.sha256(secret).hexdigest())
        if key is not None:
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[shown] = key
        return key

    def _charge(self, key: Key, now: float) -> None:
        spending = self._spent.get(key.name)
        if spending is None:
            spending = self._spent[key.name] = Spending(key.per_minute, key.tokens_per_minute, now)
        minutes, spending.at = (now - spending.at) / 60, now
        spending.requests = min(key.per_minute, spending.requests + minutes * key.per_minute)
        spending.tokens = min(key.tokens_per_minute, spending.tokens + minutes * key.tokens_per_minute)
        if key.at_once and spending.running >= key.at_once:
            raise _too_many(f"{key.name} has {spending.running} requests at work already", 1.0)
        if key.per_minute and spending.requests < 1:
            wait = (1 - spending.requests) / key.per_minute * 60
            raise _too_many(f"{key.name} may make {key.per_minute} requests a minute", wait)
        if key.tokens_per_minute and spending.tokens <= 0:
            wait = (1 - spending.tokens) / key.tokens_per_minute * 60
            raise _too_many(f"{key.name} may use {key.tokens_per_minute} tokens a minute", wait)
        spending.requests -= 1
        spending.running += 1


def _too_many(message: str, seconds: float) -> Refused:
    return Refused(Failure(status=429, kind="rate_limit_exceeded", message=message, retry_seconds=seconds))
