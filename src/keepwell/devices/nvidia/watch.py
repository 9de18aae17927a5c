"""Watching NVIDIA's cards by NVML in this process: started only while none sleeps, closed where one could fall asleep.

A started NVML keeps its cards awake. So where the kernel may suspend a card and nobody computes on it, NVML is closed
after a look and all of its cards are let alone for a while; on servers, whose cards never suspend, it stays open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from keepwell.core.observation import Missing, absent, unknown
from keepwell.core.series import Reading, SeriesKey
from keepwell.devices._nvml_library import load_library
from keepwell.plugins.collector import Moment, Sight
from keepwell.plugins.device_shares import Shares
from keepwell.plugins.watching import SLEEPS, Bus, Rest, Watched, is_asleep

if TYPE_CHECKING:
    from keepwell.devices.nvidia.watch_opening import Opening
    from keepwell.devices.nvidia.watch_session import Session

#: Seconds until NVML is tried again after it did not start, or after a card was lost.
RETRY_SECONDS = 60.0
#: ... and where the bus shows no card of theirs either: WSL and Tegra have NVML all the same.
NOBODY_SECONDS = 3600.0
OTHER_SLEEPS = unknown("another card of this driver is suspended, and starting NVML would wake it")
OTHER_RESTS = unknown("another card of this driver is let alone so that it can fall asleep")
NO_LIBRARY = absent("NVML: its library is not installed")
LOST = unknown("a card was lost; NVML is started again within a minute")
NOT_LISTED = unknown("its driver does not list it")


class NvmlWatch:
    """`Looker`. NVIDIA's binding is imported when it is first needed."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._bus = Bus(node, "nvidia")
        self._rest = Rest()
        self._shares = Shares()
        self._opening: Opening | None = None
        self._closed = unknown("not asked yet")
        self._retry = 0.0
        self._keys: dict[str, list[SeriesKey]] = {}

    def look(self, sight: Sight, moment: Moment) -> Iterable[Reading]:
        """Every series of every card; nothing at all where there is neither a card nor NVML."""
        devices = self._bus.devices(sight, moment)
        found: list[Reading] = [_asleep(sight, one) for one in devices]
        reasons = self._let_alone(sight, devices, moment)
        if not reasons:
            session = self._session(devices, moment)
            if not isinstance(session, Missing):
                found += self._ask(session, sight, devices, moment)
                self._leave(session, devices, moment)
                return found
            reasons = {one.subject: session for one in devices}
        else:
            self.close()
        for subject, why in reasons.items():
            found += self._silent(sight, subject, why)
        return found

    def close(self) -> None:
        """Close NVML."""
        if self._opening is not None:
            self._opening.close()

    def _let_alone(self, sight: Sight, devices: Sequence[Watched], moment: Moment) -> dict[str, Missing]:
        """Why each card must be let alone now; {} if all may be asked. They start together, so they rest together."""
        why = {one.subject: self._rest.why_not(sight, one.pci, moment) for one in devices}
        reasons = [one for one in why.values() if one is not None]
        if not reasons:
            return {}
        others = OTHER_RESTS
        if SLEEPS in reasons:
            others = OTHER_SLEEPS
        return {subject: _either(one, others) for subject, one in why.items()}

    def _session(self, devices: Sequence[Watched], moment: Moment) -> Session | Missing:
        if moment.clock < self._retry:
            return self._closed
        if self._opening is None and not load_library():
            self._put_off(NO_LIBRARY, devices, moment)
            return NO_LIBRARY
        if self._opening is None:
            from keepwell.devices.nvidia.watch_opening import Opening

            self._opening = Opening(self._node)
        session = self._opening.session(devices)
        if isinstance(session, Missing) and not self._opening.under_way:
            self._put_off(session, devices, moment)
        return session

    def _put_off(self, why: Missing, devices: Sequence[Watched], moment: Moment) -> None:
        self._closed, self._retry = why, moment.clock + RETRY_SECONDS
        if not devices:
            self._retry = moment.clock + NOBODY_SECONDS

    def _ask(self, session: Session, sight: Sight, devices: Sequence[Watched], moment: Moment) -> list[Reading]:
        session.drain()
        found: list[Reading] = []
        for subject, card in session.cards.items():
            found += card.look(sight, moment.clock)
            found += session.errors(subject)
            found += self._shares.readings(sight, subject, card.held)
        for one in devices:
            if one.subject not in session.cards:
                found += self._silent(sight, one.subject, session.refused.get(one.subject, NOT_LISTED))
        return found

    def _leave(self, session: Session, devices: Sequence[Watched], moment: Moment) -> None:
        """Close where a card is lost, or could fall asleep."""
        lost = any(card.gone for card in session.cards.values())
        rests = [
            self._rest.asked(one.pci, moment, busy=session.computing(one.subject))
            for one in devices
            if one.subject in session.cards and self._rest.may_sleep(one.pci)
        ]
        if lost:
            self._closed, self._retry = LOST, moment.clock + RETRY_SECONDS
        if lost or any(rests):
            self.close()

    def _silent(self, sight: Sight, subject: str, why: Missing) -> Iterator[Reading]:
        if subject not in self._keys:
            from keepwell.devices.nvidia.watch_card import keys_of

            self._keys[subject] = keys_of(subject)
        for key in self._keys[subject]:
            yield key, why
        yield from self._shares.readings(sight, subject, why)


def _asleep(sight: Sight, one: Watched) -> Reading:
    return SeriesKey("device.asleep", one.subject), float(is_asleep(sight, one.pci))


def _either(own: Missing | None, others: Missing) -> Missing:
    if own is None:
        return others
    return own
