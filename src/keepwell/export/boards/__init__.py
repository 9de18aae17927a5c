"""The dashboards: one a file, each ends in `BOARD`; `everything` is made from the declarations alone."""

from __future__ import annotations

from keepwell.export.board import Board
from keepwell.export.boards.devices import BOARD as DEVICES
from keepwell.export.boards.engines import BOARD as ENGINES
from keepwell.export.boards.everything import make_everything
from keepwell.export.boards.fleet import BOARD as FLEET
from keepwell.export.boards.hub import BOARD as HUB
from keepwell.export.boards.nodes import BOARD as NODES
from keepwell.export.boards.objectives import BOARD as OBJECTIVES
from keepwell.export.boards.requests import BOARD as REQUESTS

__all__ = ["get_boards"]


def get_boards() -> dict[str, Board]:
    """All of them by the word that people call them by."""
    return {
        "fleet": FLEET,
        "requests": REQUESTS,
        "objectives": OBJECTIVES,
        "devices": DEVICES,
        "engines": ENGINES,
        "nodes": NODES,
        "hub": HUB,
        "everything": make_everything(),
    }
