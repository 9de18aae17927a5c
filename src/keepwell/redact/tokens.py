"""Tokens: which value stands behind which token, and a list of what was masked where.

Numbers are given in the order of first sight and nothing of the value goes into the token, so that it cannot be
guessed back; the table lives as long as the collection and is never written. Public addresses become addresses
of ranges that are set aside for tests, so that whoever parses an address still can.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

#: How a token is written; nothing in this form is ever masked again.
TOKEN = re.compile(rb"<[a-z][a-z0-9-]{1,31}-\d{1,9}>")
#: 198.18.0.0/15 is set aside for benchmarks (RFC 2544), 2001:db8::/32 for documentation (RFC 3849).
TEST_IPV4 = int(IPv4Address("198.18.0.0"))
TEST_IPV4_COUNT = 2**17
TEST_IPV6 = int(IPv6Address("2001:db8::"))
#: Places that are remembered; further ones are only counted. A log of one address a line has as many as lines.
PLACES = 20_000


#: Kinds that a token names. All others are secrets to it: the name of an issuer in a log would be evidence.
IDENTITIES = frozenset(
    {"email", "uuid", "mac", "public-ipv4", "public-ipv6", "serial", "machine-id", "user", "name", "host"}
)
SECRET = "secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """One masked value: where it stood (`offset` in bytes, of the masked member), its kind and its token."""

    place: str
    offset: int
    kind: str
    token: str


class Tokens:
    """Gives every value its token, the same one each time.

    `used` are the highest numbers by kind of an earlier redaction, so that new tokens never equal old ones.
    """

    def __init__(self, used: Mapping[str, int] | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._used: dict[str, int] = dict(used or {})
        self._by_value: dict[tuple[str, bytes], bytes] = {}

    @property
    def used(self) -> dict[str, int]:
        """The highest number given, by kind."""
        return dict(sorted(self._used.items()))

    def get(self, kind: str, value: bytes) -> bytes:
        """The token of a value of this kind."""
        label = SECRET
        if kind in IDENTITIES:
            label = kind
        key = (label, value)
        found = self._by_value.get(key)
        if found is None:
            found = self._make(label)
            self._by_value[key] = found
        self.counts[kind] += 1
        return found

    def _make(self, label: str) -> bytes:
        number = self._used.get(label, 0) + 1
        self._used[label] = number
        if label == "public-ipv4":
            return str(IPv4Address(TEST_IPV4 + number % TEST_IPV4_COUNT)).encode()
        if label == "public-ipv6":
            return str(IPv6Address(TEST_IPV6 + number)).encode()
        return b"<%s-%d>" % (label.encode(), number)
