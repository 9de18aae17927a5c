"""Objectives from files of Sloth and OpenSLO, and to them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepwell.app.operation import Caller
from keepwell.app.wiring import wire
from keepwell.config.render import render_entry
from keepwell.core.errors import ConfigurationError
from keepwell.slo.exchange import make_openslo, make_sloth, read_documents

#: Bytes of a file that is read: some hundred objectives with long queries.
FILE_BYTES = 1024 * 1024
#: How each form is made.
FORMS = {"sloth": make_sloth, "openslo": make_openslo}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveFileReport:
    """The answer of `import slo` and `export slo`: a text as it is, and what is to say about it."""

    text: str
    count: int
    notes: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """Name and version of the JSON form."""
        return "keepwell.slo-file/1"

    @property
    def exit_code(self) -> int:
        """1 where something could not be taken over as it is."""
        return int(bool(self.notes))


async def export_objectives(caller: Caller, form: str) -> ObjectiveFileReport:
    """The declared objectives as YAML of this form. Raises ConfigurationError for another form."""
    if form not in FORMS:
        raise ConfigurationError(f"no form is called {form!r}", hint=f"one of {', '.join(FORMS)}")
    async with wire(caller) as wiring:
        objectives = wiring.config.objectives
    documents = list(FORMS[form](objectives))
    text = _yaml().safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=1000)
    return ObjectiveFileReport(text=text * bool(documents), count=len(objectives))


def import_objectives(path: Path) -> ObjectiveFileReport:
    """Such a file as sections for keepwell.toml; what was guessed or left out stands beside each as a comment.

    Raises ConfigurationError for a file that cannot be read or is something else.
    """
    yaml = _yaml()
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
        if len(content) > FILE_BYTES:
            raise ValueError(f"it is larger than {FILE_BYTES} bytes")
        found = read_documents(one for one in yaml.safe_load_all(content) if one is not None)
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigurationError(f"no objectives can be read: {error}", where=str(path)) from error
    lines: list[str] = []
    notes: list[str] = []
    for one in found:
        notes += [f"{one.name}: {note}" for note in one.notes]
        if one.objective is not None:
            lines += [*(f"# {_one_line(note)}" for note in one.notes), *render_entry(one.objective), ""]
    count = sum(one.objective is not None for one in found)
    return ObjectiveFileReport(text="\n".join(lines), count=count, notes=tuple(notes))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _yaml() -> Any:
    """PyYAML, which has no types of its own."""
    return importlib.import_module("yaml")
