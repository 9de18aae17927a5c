"""How a mistake in a compose file is told: its line, and the file with it set right where that can be done."""

from __future__ import annotations

from collections.abc import Callable

from keepwell.formats.yaml_edit import Path, drop, put_value
from keepwell.formats.yaml_places import BadYaml
from keepwell.plugins.container_gpu.compose import Composed, get_service
from keepwell.plugins.container_gpu.ground import CannotAsk, Mistake, Weight


def find_mistake(
    kind: str,
    service: Composed,
    place: Path,
    words: str,
    mend: Callable[[], str] | None = None,
    weight: Weight = "critical",
) -> Mistake:
    """The mistake at this place of the service. `mend` gives the whole text without it."""
    mended = ""
    if mend is not None:
        try:
            mended = mend()
        except (BadYaml, CannotAsk):
            mended = ""
    line = service.line(*place)
    return Mistake(kind=kind, line=line, words=words, service=service.name, weight=weight, mended=mended)


def put_in(service: Composed, place: Path, value: object) -> str:
    """The text whose service says this there."""
    return put_value(service.text, (*service.path, *place), value)


def drop_from(text: str, service: Composed, place: Path) -> str:
    """The text whose service does not say this any more, nor collections that are empty then."""
    text = drop(text, (*service.path, *place))
    for depth in range(len(place) - 1, 0, -1):
        if get_service(text, service.name).get(*place[:depth]) in ({}, []):
            text = drop(text, (*service.path, *place[:depth]))
    return text
