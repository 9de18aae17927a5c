"""nvidia-smi for a `RootedNode`, as far as settings go: the query of them, -pm, -pl and -c; and cards on its bus.

Words, columns and exit codes are those of the 550 branch, as its manual has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keepwell.transport.base import Ran

#: Exit codes of nvidia-smi: a wrong argument, and a value that the card refuses.
EXIT_ARGUMENT, EXIT_REFUSED = 2, 3
MODES = {"DEFAULT": "Default", "EXCLUSIVE_PROCESS": "Exclusive_Process", "PROHIBITED": "Prohibited"}
VENDOR = "0x10de"


@dataclass(slots=True, kw_only=True)
class FakeCard:
    """One card, in nvidia-smi's own words; the power limit of one that has none is "[N/A]"."""

    uuid: str
    persistence: str = "Disabled"
    limit: str = "350.00"
    least: str = "100.00"
    most: str = "365.00"
    mode: str = "Default"


class FakeSettings:
    """The program, with the cards that it knows."""

    def __init__(self, *cards: FakeCard) -> None:
        self.cards = cards

    def put_on_bus(self, root: Path, power: str = "active") -> None:
        """Each card, with its sound function that sleeps."""
        for number in range(len(self.cards)):
            for function, pci_class, state in (("0", "0x030000", power), ("1", "0x040300", "suspended")):
                folder = root / "sys" / "bus" / "pci" / "devices" / f"0000:0{number + 1}:00.{function}"
                (folder / "power").mkdir(parents=True)
                (folder / "class").write_text(f"{pci_class}\n")
                (folder / "vendor").write_text(f"{VENDOR}\n")
                (folder / "power" / "runtime_status").write_text(f"{state}\n")

    def __call__(self, argv: Sequence[str], root: Path) -> Ran:
        """Answer the query, or set something of one card or of all."""
        del root
        if argv[1].startswith("--query-gpu="):
            return _ran(argv, "".join(_row(number, card) for number, card in enumerate(self.cards)))
        words = list(argv[1:])
        cards = self.cards
        if words[0] == "-i":
            cards = tuple(one for one in self.cards if one.uuid == words[1])
            words = words[2:]
        if not cards:
            return _ran(argv, "No devices were found\n", 6)
        said = [_set(card, *words) for card in cards]
        return _ran(argv, "All done.\n", max(said))


def _row(number: int, card: FakeCard) -> str:
    words = [str(number), f"00000000:0{number + 1}:00.0", card.uuid, "NVIDIA GeForce RTX 3090", card.persistence]
    return ", ".join([*words, card.limit, card.least, card.most, card.mode]) + "\n"


def _set(card: FakeCard, flag: str, value: str) -> int:
    """The exit code."""
    if flag == "-pm":
        card.persistence = {"1": "Enabled", "0": "Disabled"}[value]
    elif flag == "-pl" and float(card.least) <= float(value) <= float(card.most):
        card.limit = f"{float(value):.2f}"
    elif flag == "-pl":
        return EXIT_REFUSED
    elif flag == "-c":
        card.mode = MODES[value]
    else:
        return EXIT_ARGUMENT
    return 0


def _ran(argv: Sequence[str], said: str, code: int = 0) -> Ran:
    return Ran(argv=tuple(argv), code=code, stdout=said.encode(), stderr=b"")
