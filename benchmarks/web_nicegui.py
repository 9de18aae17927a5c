#!/usr/bin/env python3
"""The peer of benchmarks/web.py, run by an interpreter that has NiceGUI: the same fleet as a page of it.

One card a node with its processor and a row a GPU (bar of its load, and its load, memory, temperature and power), tiles
above; a timer of one second changes each element's value, which is how its papers show live pages.
"""

from __future__ import annotations

import argparse
import math

from nicegui import app, ui

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--nodes", type=int, default=30)
parser.add_argument("--gpus", type=int, default=4)
parser.add_argument("--serve", type=int, required=True)
asked = parser.parse_args()
STEP = {"now": 0}


def read(number: int, gpu: int) -> dict[str, float]:
    """The numbers of one GPU now."""
    wave = math.sin(STEP["now"] / 4 + number * 3 + gpu)
    return {"busy": 0.5 + 0.45 * wave, "gib": 12 + 9 * wave, "celsius": 60 + 12 * wave, "watts": 200 + 90 * wave}


@ui.page("/")
def overview() -> None:
    """The page of one visitor."""
    with ui.row():
        busy = ui.label()
        watts = ui.label()
    nodes = []
    with ui.grid(columns=4):
        for number in range(asked.nodes):
            with ui.card():
                with ui.row():
                    ui.icon("check_circle", color="green")
                    ui.label(f"node{number:02d}")
                    cpu = ui.label()
                rows = []
                for gpu in range(asked.gpus):
                    with ui.row():
                        ui.label(str(gpu))
                        bar = ui.linear_progress(show_value=False).classes("w-24")
                        rows.append((number, gpu, bar, ui.label(), ui.label(), ui.label(), ui.label()))
                ui.label("Chat server: llama3.2:3b")
                nodes.append((number, cpu, rows))

    def update() -> None:
        total, drawn = 0.0, 0.0
        for number, cpu, rows in nodes:
            cpu.text = f"cpu {40 + 30 * math.sin(STEP['now'] / 3 + number):.0f} %"
            for place, gpu, bar, load, memory, heat, power in rows:
                one = read(place, gpu)
                bar.value = round(one["busy"], 2)
                load.text, memory.text = f"{one['busy'] * 100:.0f} %", f"{one['gib']:.3g} of 24 GiB"
                heat.text, power.text = f"{one['celsius']:.0f} °C", f"{one['watts']:.0f} W"
                total, drawn = total + one["busy"], drawn + one["watts"]
        busy.text = f"{total / asked.nodes / asked.gpus * 100:.0f} % of {asked.nodes * asked.gpus} GPUs busy"
        watts.text = f"{drawn:.0f} W"

    update()
    ui.timer(1.0, update)


def step() -> None:
    """Time goes on, whoever looks."""
    STEP["now"] += 1


app.timer(1.0, step)
ui.run(host="127.0.0.1", port=asked.serve, show=False, reload=False, title="peer")
