"""NVML while it is open: its cards, and the errors that it reports as events. Needs NVIDIA's binding."""

from __future__ import annotations

import contextlib
import ctypes
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pynvml

from keepwell.core.observation import Missing
from keepwell.core.ref import device
from keepwell.core.series import Reading, SeriesKey
from keepwell.devices._lines import sysfs_address
from keepwell.devices.nvidia.watch_card import Card
from keepwell.devices.nvidia.watch_questions import ERRORS, Refused, count_computing, refusal
from keepwell.plugins.watching import Watched

#: Events that are taken at one look: they come in bursts.
EVENTS_MAX = 256
#: Codes that are told apart for one card; NVIDIA has some 180, a card in trouble shows a few.
CODES_MAX = 64


class Errors:
    """Errors that a card's driver reported since it is watched, by card and code. Outlives a session."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._readings: dict[str, list[Reading]] = {}

    def add(self, subject: str, code: str) -> None:
        """One more."""
        counts = self._counts.setdefault(subject, Counter())
        if code not in counts and len(counts) >= CODES_MAX:
            code = "other"
        counts[code] += 1
        self._readings.pop(subject, None)

    def readings(self, subject: str) -> list[Reading]:
        """All of a card, and by code those that occurred."""
        found = self._readings.get(subject)
        if found is None:
            found = self._readings[subject] = list(self._tell(subject))
        return found

    def _tell(self, subject: str) -> Iterator[Reading]:
        counts = self._counts.get(subject, Counter())
        yield SeriesKey(ERRORS[0], subject), float(counts.total())
        for code, count in counts.items():
            yield SeriesKey("device.errors_by_code_total", subject, (("code", code),)), float(count)


class Session:
    """NVML from `open_session` to `close`. `cards` are those that gave a handle, by Ref; `refused` says why others did
    not.
    """

    def __init__(self, driver: str, errors: Errors) -> None:
        self.driver = driver
        self.cards: dict[str, Card] = {}
        self.refused: dict[str, Missing] = {}
        self._errors = errors
        self._events: Any = None
        self._heard: dict[str, Missing | None] = {}
        self._by_pointer: dict[int, str] = {}

    def find_cards(self, node: str, devices: Sequence[Watched]) -> None:
        """A handle for each card; those of `devices` only, by their address, or all where the bus shows none.

        A card without handle does not tell its address: it is known by its place, if the driver lists as many as there
        are on the bus, since both go by address.
        """
        known = {one.pci: one.subject for one in devices}
        count = pynvml.nvmlDeviceGetCount()
        for index in range(count):
            try:
                handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                pci = sysfs_address(str(pynvml.nvmlDeviceGetPciInfo(handle).busId))
            except Refused as error:
                if count == len(devices):
                    self.refused[devices[index].subject] = refusal(error)
                continue
            subject = known.get(pci, "")
            if not known:
                subject = str(device(node, index))
            if subject:
                self.cards[subject] = Card(subject, handle, self.driver)
                self._by_pointer[_pointer(handle)] = subject

    def hear(self) -> None:
        """Ask for events of errors. A card that has none says why."""
        try:
            self._events = pynvml.nvmlEventSetCreate()
        except Refused as error:
            self._heard = dict.fromkeys(self.cards, refusal(error))
            return
        for subject, card in self.cards.items():
            self._heard[subject] = None
            try:
                pynvml.nvmlDeviceRegisterEvents(card.handle, pynvml.nvmlEventTypeXidCriticalError, self._events)
            except Refused as error:
                self._heard[subject] = refusal(error)

    def drain(self) -> None:
        """Count the errors that were reported since the last look; waits for none."""
        if self._events is None:
            return
        for _ in range(EVENTS_MAX):
            try:
                event = pynvml.nvmlEventSetWait_v2(self._events, 0)
            except Refused:
                return  # a timeout: nothing more has happened
            subject = self._by_pointer.get(_pointer(event.device))
            if subject:
                self._errors.add(subject, str(event.eventData))

    def errors(self, subject: str) -> Iterable[Reading]:
        """Errors of one card, or why they cannot be heard."""
        why = self._heard.get(subject)
        if why is not None:
            return [(SeriesKey(ERRORS[0], subject), why)]
        return self._errors.readings(subject)

    def computing(self, subject: str) -> bool:
        """True if a process computes on this card; False where that cannot be told, so that the card may sleep."""
        try:
            return count_computing(self.cards[subject].handle) > 0
        except Refused:
            return False

    def close(self) -> None:
        """Let go of every card."""
        for card in self.cards.values():
            card.close()
        if self._events is not None:
            with contextlib.suppress(*Refused):
                pynvml.nvmlEventSetFree(self._events)
        with contextlib.suppress(*Refused):
            pynvml.nvmlShutdown()


def open_session(node: str, devices: Sequence[Watched], errors: Errors) -> Session | Missing:
    """Start NVML, whose library is loaded, in this process. Missing with NVML's reason where it does not start; without
    persistence mode each card takes up to 3 s.
    """
    try:
        pynvml.nvmlInit()
    except Refused as error:
        return refusal(error)
    session = None
    try:
        session = Session(str(pynvml.nvmlSystemGetDriverVersion()), errors)
        session.find_cards(node, devices)
        session.hear()
    except Refused as error:
        pynvml.nvmlShutdown()
        return refusal(error)
    return session


def _pointer(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
