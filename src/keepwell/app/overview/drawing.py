"""From the hub as it stands to the whole fleet at one instant. Reads memory only."""

from __future__ import annotations

from keepwell.app.overview.gathering import NOTHING, Gathered
from keepwell.app.overview.lasting import draw_alerts
from keepwell.app.overview.live import draw_requests
from keepwell.app.overview.model import Overview
from keepwell.app.overview.nodes import draw_nodes
from keepwell.app.overview.numbers import index_numbers
from keepwell.app.overview.scene import Scene
from keepwell.app.overview.worst import find_worst


def draw_overview(hub: Scene, now: float, gathered: Gathered = NOTHING) -> Overview:
    """All of it; `now` is in seconds since the epoch, `gathered` what is not in the hub's memory.

    Costs some 3 ms for 30 nodes of four GPUs each (`benchmarks/top.py`).
    """
    config = hub.wiring.config
    numbers = index_numbers(hub.table, now)
    worst = find_worst(hub.board.findings(), config, now)
    names = [hub.here, *(one.name for one in config.nodes if one.address)]
    nodes = draw_nodes(names, numbers, hub.pictures, worst, now)
    return Overview(
        at=round(now, 3),
        here=hub.here,
        nodes=nodes,
        requests=draw_requests(gathered.planes, nodes, numbers),
        work=gathered.work,
        alerts=draw_alerts(gathered.alerts),
        notes=gathered.notes,
    )
