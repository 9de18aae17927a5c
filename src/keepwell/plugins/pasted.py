"""The contract of a recogniser of pasted output: a module that ends in `PASTED: Pasted`.

It stands in `pasted/NAME.py`, or, where it must know an engine's or a vendor's words, as `pasted.py` in the folder
of that engine or vendor. It says which part of a pasted text such output is and gives the observations that a
probe would have made of it. A pasted text is a part: what does not stand in it was not pasted, and nothing is
said about it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol, runtime_checkable

from keepwell.core.observation import Value
from keepwell.formats.transcript import Transcript
from keepwell.plugins import registry

#: Families whose plug-ins may have a recogniser of their own beside them.
OWNERS = ("engines", "devices")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One thing that a text tells: a declared observation's name, its value, and the lines that it stands in.

    `about` is "" for the machine, "engine" for the engine beside which the recogniser stands, "device/N" for a
    device. Of a value that several recognisers tell, mappings are joined (the first one's entries count) and tuples
    follow each other.
    """

    name: str
    value: Value
    lines: tuple[int, ...] = ()
    about: str = ""


def lines_of(rows: Iterable[Mapping[str, Value]]) -> tuple[int, ...]:
    """The numbers that rows with a "line" name, each once, in their order."""
    return tuple(dict.fromkeys(number for row in rows if isinstance(number := row["line"], int)))


@runtime_checkable
class Pasted(Protocol):
    """Reads one kind of pasted output.

    `hints` are texts in lower case: a text that holds none of them is not read. `gives` are the names of the
    observations that it may tell. `read` is pure, never raises, and costs at most a few milliseconds a thousand lines.
    """

    hints: tuple[str, ...]
    gives: tuple[str, ...]

    def read(self, text: Transcript) -> Iterable[Told]:
        """Everything of this kind that the text tells."""
        ...


@cache
def load_recognisers() -> Mapping[str, Pasted]:
    """Every recogniser by name: its own, or that of the engine or vendor beside which it stands."""
    found = {name: one for name, one in registry.load_all("pasted").items() if isinstance(one, Pasted)}
    return {**found, **dict(_beside())}


def _beside() -> Iterator[tuple[str, Pasted]]:
    for family in OWNERS:
        for name in registry.names(family):
            if (registry.PACKAGE / family / name / "pasted.py").is_file():
                module = importlib.import_module(f"keepwell.{family}.{name}.pasted")
                one = getattr(module, registry.FAMILIES["pasted"])
                if isinstance(one, Pasted):
                    yield f"{family}/{name}", one
