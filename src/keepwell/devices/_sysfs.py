"""Small files of one number or word, as sysfs and hwmon have them."""

from __future__ import annotations

from collections.abc import Callable

from keepwell.core.errors import AccessError
from keepwell.core.observation import Missing, Value, absent, failed
from keepwell.transport.base import Transport

#: Attributes of sysfs are at most one page.
ATTRIBUTE_BYTES = 4096


async def read_word(path: str, transport: Transport) -> str | Missing:
    """The text of an attribute without white space at its ends."""
    try:
        content = await transport.read(path, max_bytes=ATTRIBUTE_BYTES)
    except AccessError as error:
        return failed(error)
    return content.decode("utf-8", "replace").strip()


async def read_number(path: str, transport: Transport, turn: Callable[[int], Value] = int) -> Value | Missing:
    """The number in an attribute, turned into its base unit; failed if it holds no number."""
    word = await read_word(path, transport)
    if isinstance(word, Missing):
        return word
    return parse_number(word, turn)


async def first_number(paths: tuple[str, ...], transport: Transport, turn: Callable[[int], Value]) -> Value | Missing:
    """The number in the first of these attributes that is there; drivers name the same thing differently."""
    found: Value | Missing = absent("the driver shows no such attribute")
    for path in paths:
        found = await read_number(path, transport, turn)
        if not isinstance(found, Missing):
            return found
    return found


def parse_number(word: str, turn: Callable[[int], Value] = int) -> Value | Missing:
    """A whole number in base ten, turned; never raises."""
    try:
        return turn(int(word))
    except (ValueError, OverflowError):
        return failed(f"not a number: {word[:40]!r}")


async def names_in(folder: str, transport: Transport) -> tuple[str, ...]:
    """Names in a folder; () if it is not there or may not be read."""
    try:
        return await transport.list(folder)
    except AccessError:
        return ()


async def find_hwmon(pci: str, transport: Transport) -> str:
    """The hwmon folder of a PCI device, "" if its driver has none."""
    folder = f"/sys/bus/pci/devices/{pci}/hwmon"
    for name in await names_in(folder, transport):
        return f"{folder}/{name}"
    return ""


def from_milli(number: int) -> float:
    """hwmon temperatures are in thousandths of a degree."""
    return number / 1_000


def from_micro(number: int) -> float:
    """hwmon powers are in millionths of a watt."""
    return number / 1_000_000


def from_percent(number: int) -> float:
    """Busy percentages are whole numbers of 0 to 100."""
    return number / 100


def from_mega(number: int) -> int:
    """Clocks that a driver gives in MHz."""
    return number * 1_000_000
