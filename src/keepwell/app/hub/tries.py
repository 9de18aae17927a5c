"""Wrong keys, counted by the address that they came from: who tries too many waits before another is looked at."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

#: Wrong keys that an address may try at once, and seconds until it may try one more.
AT_ONCE, SECONDS_EACH = 10, 6.0
#: Addresses that are remembered; the one that was wrong longest ago goes first.
REMEMBERED = 1000
#: Bits of an IPv6 address that one household or server has for itself.
IPV6_BITS = 64


@dataclass(slots=True)
class Tries:
    """`now` is a clock of seconds that only goes forward."""

    now: Callable[[], float] = time.monotonic
    _wrong: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait_seconds(self, address: str) -> int:
        """How long whoever is at this address has to wait before a key is looked at; 0 for not at all."""
        wrong = self._count(_whose(address))
        return max(0, math.ceil((wrong - AT_ONCE + 1) * SECONDS_EACH))

    def note(self, address: str) -> None:
        """A wrong one came from there."""
        whose = _whose(address)
        self._wrong[whose] = self._count(whose) + 1, self.now()
        self._wrong.move_to_end(whose)
        while len(self._wrong) > REMEMBERED:
            self._wrong.popitem(last=False)

    def _count(self, whose: str) -> float:
        """Wrong ones that still count: one less every SECONDS_EACH."""
        wrong, at = self._wrong.get(whose, (0.0, 0.0))
        return max(0.0, wrong - (self.now() - at) / SECONDS_EACH)


def _whose(address: str) -> str:
    """The address, of IPv6 the network that one of its kind has for itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, IPV6_BITS), strict=False))
    return str(found)
