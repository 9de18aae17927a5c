"""Who may ask: keys that are stored as digests, what each may do, and the names by which this gateway may be called."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from urllib.parse import unquote

from keepwell.gateway.choice.fronts import DESK_ROUTES
from keepwell.gateway.hosts import Hosts
from keepwell.gateway.record.facts import Facts
from keepwell.gateway.wire.request import Request
from keepwell.plugins.dialect import Failure
from keepwell.store.keys import Key
from keepwell.store.requests import midnight_after

#: Presented keys whose digest is remembered, so that it is not made for each request.
REMEMBERED = 1024
#: Characters of a presented key: none of ours is longer.
SECRET_BYTES = 512


@dataclass(slots=True)
class Spending:
    """What one key has used: a bucket that fills with time for requests and one for tokens, requests at work, and the
    tokens of this day.
    """

    requests: float = 0.0
    tokens: float = 0.0
    at: float = 0.0
    running: int = 0
    today: int = 0


class Refused(Exception):
    """The request may not be made."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


NOBODY = Key(name="", digest="")
#: The priority of what is asked for a batch.
BATCH = 2


@dataclass(slots=True)
class Access:
    """Checks each request. Without keys everybody is admitted, unless a key is `required`: then nobody is.

    `wall` is the clock of days and expiries, in seconds since the epoch.
    """

    keys: dict[str, Key] = field(default_factory=dict)
    hosts: Hosts = field(default_factory=Hosts)
    required: bool = False
    #: By which the desk proves itself; b"" where there is none.
    desk: bytes = b""
    #: Another one whenever `admit` may answer otherwise for the same head.
    era: object = field(default_factory=object)
    _seen: dict[bytes, Key] = field(default_factory=dict)
    _spent: dict[str, Spending] = field(default_factory=dict)
    _before: dict[str, int] = field(default_factory=dict)
    _allowed: dict[tuple[str, str], bool] = field(default_factory=dict)
    _checked: frozenset[str] = frozenset()
    #: When this day ends, and the next key expires; seconds since the epoch.
    _midnight: float = 0.0
    _next_expiry: float = 0.0
    _wall: float = 0.0

    def replace(
        self,
        keys: Iterable[Key],
        hosts: frozenset[str],
        *,
        required: bool = False,
        origins: Iterable[str] = (),
        wall: float = 0.0,
    ) -> None:
        """Other keys, at once. What a key has used stays. `wall` 0 is now."""
        wall = wall or time.time()
        self.keys = {one.digest: one for one in keys}
        self.hosts = Hosts(hosts, origins)
        self.required = required or bool(self.keys)
        self._checked = frozenset(one.name for one in self.keys.values() if one.limited or one.routes)
        self._allowed.clear()
        self._spent = {name: spending for name, spending in self._spent.items() if self._is_known(name)}
        self._midnight = self._midnight or midnight_after(wall)
        self._expire(wall)

    def tick(self, wall: float) -> None:
        """Time went on: keys expire, and a new day gives every key its tokens again."""
        self._wall = wall
        if self._next_expiry and wall >= self._next_expiry:
            self._expire(wall)
        if self._midnight and wall >= self._midnight:
            self._midnight = midnight_after(wall)
            self._before.clear()
            for spending in self._spent.values():
                spending.today = 0

    def restore(self, spent: Mapping[str, int]) -> None:
        """Tokens that keys used today, before this gateway began."""
        self._before = dict(spent)

    def admit(self, request: Request) -> Key:
        """The key of a request that may be made; raises Refused."""
        named = request.named
        host = named.get(b"host", b"")
        if b"host" in named and not self.hosts.may_be_called(host):
            message = f"this gateway is not called {host.decode('latin-1')[:100]!r}; list the name in `hosts`"
            raise Refused(Failure(status=403, kind="host_refused", message=message))
        if b"origin" in named and not self.hosts.may_ask(named[b"origin"], host):
            message = f"pages of {named[b'origin'].decode('latin-1')[:100]!r} may not ask; list it in `origins`"
            raise Refused(Failure(status=403, kind="origin_refused", message=message))
        owner = self._find_owner(named.get(b"authorization", b""))
        if owner is not None:
            return self._stand_for(owner)
        if not self.required:
            return NOBODY
        key = self._find(request)
        if key is None:
            message = "a key is needed: send it as `Authorization: Bearer KEY` or `x-api-key: KEY`"
            raise Refused(Failure(status=401, kind="invalid_api_key", message=message))
        return key

    def render_page(self, request: Request) -> bytes:
        """Lines of the answer's head that let a listed web page read it, b"" for everybody else."""
        if b"origin" not in request.named:
            return b""
        return self.hosts.render_page_headers(request.named[b"origin"])

    def render_preflight(self, request: Request) -> bytes:
        """Lines that allow a listed web page's next request; b"" for one that is not listed."""
        named = request.named
        if not self.hosts.may_be_called(named.get(b"host", b"")):
            return b""
        return self.hosts.render_preflight(named.get(b"origin", b""), named.get(b"access-control-request-headers", b""))

    def charge(self, key: Key, route: str, now: float) -> None:
        """A request of this key for this route begins, and `spent` will be called; raises Refused."""
        if key.name in self._checked:
            if key.routes and not route.startswith(DESK_ROUTES) and not self._may_use(key, route):
                message = f"{key.name} may not use {route}; it may use {', '.join(key.routes)[:200]}"
                raise Refused(Failure(status=403, kind="route_not_allowed", message=message))
            if key.limited:
                self._charge(key, now)

    def spent(self, facts: Facts) -> None:
        """A request of a key is over: its tokens count."""
        spending = self._spent.get(facts.key)
        if spending is not None:
            spending.running = max(0, spending.running - 1)
            tokens = facts.charged_tokens
            spending.tokens -= tokens
            spending.today += tokens

    def limits(self) -> Iterator[tuple[str, str, float, float]]:
        """Each limit of each key: key, which, how much, and how much of it is used."""
        for key in self.keys.values():
            spending = self._spent.get(key.name) or self._make(key, 0.0)
            rows = (
                ("requests_per_minute", key.per_minute, key.per_minute - spending.requests),
                ("tokens_per_minute", key.tokens_per_minute, key.tokens_per_minute - spending.tokens),
                ("tokens_per_day", key.tokens_per_day, spending.today),
                ("requests_at_once", key.at_once, spending.running),
            )
            for kind, limit, used in rows:
                if limit:
                    yield key.name, kind, float(limit), float(max(0, used))

    def _find_owner(self, shown: bytes) -> str | None:
        """Whose request the desk makes, None for anybody else's: it shows `SECRET:OWNER`."""
        if not self.desk:
            return None
        secret, _, owner = shown.removeprefix(b"Bearer ").partition(b":")
        if not hmac.compare_digest(secret, self.desk):
            return None
        return unquote(owner.decode("latin-1"))

    def _stand_for(self, owner: str) -> Key:
        """The owner's key, with what it may and may not do, behind everybody who waits. Raises Refused."""
        if not self.required:
            return replace(NOBODY, priority=BATCH)
        key = next((one for one in self.keys.values() if one.name == owner and owner), None)
        if key is None:
            message = f"the key {owner!r} for which this is asked is not valid any more"
            raise Refused(Failure(status=401, kind="invalid_api_key", message=message))
        return replace(key, priority=max(key.priority, BATCH))

    def _find(self, request: Request) -> Key | None:
        """By digest: how long it takes tells nothing about the secret of any key."""
        shown = request.named.get(b"authorization") or request.named.get(b"x-api-key", b"")
        known = self._seen.get(shown)
        if known is not None:
            return known
        if len(shown) > SECRET_BYTES:
            return None
        secret = shown.removeprefix(b"Bearer ").removeprefix(b"bearer ").strip()
        digest = hashlib.sha256(secret).hexdigest()
        key = self.keys.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            return None
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        self._seen[shown] = key
        return key

    def _is_known(self, name: str) -> bool:
        return any(one.name == name for one in self.keys.values())

    def _expire(self, wall: float) -> None:
        """Take out keys whose time is over; nobody is admitted in their place."""
        self._wall = wall
        self.keys = {name: one for name, one in self.keys.items() if not one.expires_at or one.expires_at > wall}
        self.era = object()
        self._next_expiry = min((one.expires_at for one in self.keys.values() if one.expires_at), default=0.0)
        self.era = object()
        self._seen.clear()

    def _may_use(self, key: Key, route: str) -> bool:
        found = self._allowed.get((key.name, route))
        if found is None:
            if len(self._allowed) >= REMEMBERED:
                self._allowed.clear()
            found = self._allowed[key.name, route] = any(fnmatchcase(route, one) for one in key.routes)
        return found

    def _make(self, key: Key, now: float) -> Spending:
        return Spending(key.per_minute, key.tokens_per_minute, now, today=self._before.get(key.name, 0))

    def _charge(self, key: Key, now: float) -> None:
        spending = self._spent.get(key.name)
        if spending is None:
            spending = self._spent[key.name] = self._make(key, now)
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
        if key.tokens_per_day and spending.today >= key.tokens_per_day:
            wait = max(1.0, self._midnight - self._wall)
            message = f"{key.name} has used its {key.tokens_per_day} tokens of this day; the next begins at midnight"
            raise _too_many(message, wait)
        spending.requests -= 1
        spending.running += 1


def _too_many(message: str, seconds: float) -> Refused:
    return Refused(Failure(status=429, kind="rate_limit_exceeded", message=message, retry_seconds=seconds))
