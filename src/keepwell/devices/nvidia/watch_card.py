"""One NVIDIA card while NVML is open: asks what is due, keeps what was told, and what it does not have for an hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pynvml

from keepwell.core.observation import Missing, failed
from keepwell.core.series import Reading, SeriesKey
from keepwell.devices.nvidia.nvml import ABSENT_CODES
from keepwell.devices.nvidia.watch_fields import field_questions
from keepwell.devices.nvidia.watch_profile import NAMES, Profile
from keepwell.devices.nvidia.watch_questions import (
    ERRORS,
    MEMORY,
    NEW_MEMORY,
    OFTEN,
    OLD_MEMORY,
    PROCESSES,
    QUESTIONS,
    Name,
    Number,
    Question,
    Refused,
    code_of,
    list_processes,
    refusal,
)
from keepwell.plugins.collector import Sight
from keepwell.plugins.host_memory import read_host_memory

#: Seconds for which it is remembered that a card has no such thing: only a new driver or another mode changes that.
ABSENT_SECONDS = 3600.0
#: Codes of a card that answers nothing any more: NOT_INITIALIZED, GPU_IS_LOST, RESET_REQUIRED, UNKNOWN.
GONE_CODES = frozenset({1, 15, 16, 999})
#: Most MIG instances that a card can be split into.
INSTANCES_MAX = 8
#: Most processes of one card that are kept.
PROCESSES_MAX = 256


class Card:
    """`gone` is True once it answered that it is lost. `held` is what its processes hold, by pid, None where the driver
    does not tell, or why there is no list. `handle` is NVML's.
    """

    def __init__(self, subject: str, handle: Any, driver: str) -> None:
        self.subject, self.handle = subject, handle
        self.gone = False
        self.held: dict[int, int | None] | Missing = {}
        self._count = SeriesKey(PROCESSES[0], subject)
        self._listed = 0.0
        self._profile = Profile()
        shares = Question(names=NAMES, ask=self._profile, every_seconds=OFTEN)
        questions = (_pick_memory(handle), *field_questions(driver), *QUESTIONS, shares)
        self._asked = [_Asked(question, subject) for question in questions]
        self._instances = [_Asked(one, subject) for one in _instance_questions(handle)]

    def look(self, sight: Sight, clock: float) -> list[Reading]:
        """Every series of this card; what is not due is told as it was."""
        found: list[Reading] = []
        for one in self._asked:
            if clock >= one.due:
                one.ask(self.handle, clock)
                self.gone = self.gone or one.code in GONE_CODES
            found += one.readings
        memory = self._asked[0]
        if memory.code in ABSENT_CODES or memory.empty:
            found[: len(MEMORY)] = _shared_memory(sight, memory.readings)
        for one in self._instances:
            one.ask(self.handle, clock)
            found += one.readings
        self._list(clock)
        found.append(self._counted())
        return found

    def close(self) -> None:
        """Give back what NVML lent; to be called before NVML is closed."""
        self._profile.close()

    def _list(self, clock: float) -> None:
        if clock < self._listed:
            return
        self._listed = clock + OFTEN
        try:
            self.held = dict(list(list_processes(self.handle).items())[:PROCESSES_MAX])
        except Refused as error:
            self.held = refusal(error)

    def _counted(self) -> Reading:
        if isinstance(self.held, Missing):
            return self._count, self.held
        return self._count, float(len(self.held))


class _Asked:
    """A question of one card: what it told last, NVML's code if it was refused, and when to ask again."""

    def __init__(self, question: Question, subject: str) -> None:
        self._question = question
        self._keys = tuple(SeriesKey(name, subject, labels) for name, labels in question.names)
        self.due = 0.0
        self.code = 0
        self.readings: list[Reading] = []

    @property
    def empty(self) -> bool:
        """True if its first number is 0: of memory, a card that has none of its own."""
        return bool(self.readings) and self.readings[0][1] == 0.0

    def ask(self, handle: Any, clock: float) -> None:
        """Ask now; a refusal is kept as the reason of each series."""
        values: tuple[Number, ...]
        wait, self.code = self._question.every_seconds, 0
        try:
            values = self._question.ask(handle)
        except Refused as error:
            self.code = code_of(error)
            values = (refusal(error),) * len(self._keys)
        except ValueError as error:  # text or enumerations that the binding cannot read
            values = (failed(f"NVML: {error}"),) * len(self._keys)
        if self.code in ABSENT_CODES:
            wait = ABSENT_SECONDS
        self.due = clock + wait
        self.readings = list(zip(self._keys, values, strict=True))


def keys_of(subject: str) -> list[SeriesKey]:
    """Every series that a card always has, for telling why there are no numbers now."""
    names = [*MEMORY, *(name for one in (*field_questions(""), *QUESTIONS) for name in one.names)]
    names += NAMES
    return [SeriesKey(name, subject, labels) for name, labels in (*names, PROCESSES, ERRORS)]


def _pick_memory(handle: Any) -> Question:
    """The call that tells reserved memory apart, where the driver has it."""
    try:
        NEW_MEMORY.ask(handle)
    except Refused as error:
        if code_of(error) in (pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH):
            return OLD_MEMORY
    return NEW_MEMORY


def _shared_memory(sight: Sight, rows: Sequence[Reading]) -> list[Reading]:
    """Chips whose GPU has the host's memory (GB10, Tegra): NVML refuses or says 0, and the host's numbers count."""
    total, used = read_host_memory(sight)
    return [(rows[0][0], total), (rows[1][0], used), rows[2]]


def _instance_questions(handle: Any) -> Iterator[Question]:
    """MIG: the memory of each instance, numbered as its driver does."""
    try:
        now, _ = pynvml.nvmlDeviceGetMigMode(handle)
        most = min(int(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)), INSTANCES_MAX) * int(bool(now))
    except Refused:
        return
    for number in range(most):
        try:
            part = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
        except Refused:
            continue
        labels = (("instance", str(number)),)
        names: tuple[Name, ...] = (
            ("device.instance_memory_total_bytes", labels),
            ("device.instance_memory_used_bytes", labels),
        )
        yield Question(names=names, ask=_Part(part))


class _Part:
    """Asks an instance, whatever card it is asked of."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def __call__(self, card: Any) -> tuple[Number, ...]:
        del card
        found = pynvml.nvmlDeviceGetMemoryInfo(self._handle)
        return float(found.total), float(found.used)
