"""Rows of requests as a fleet makes them, by the thousand."""

from __future__ import annotations

import random
from collections.abc import Iterator

from keepwell.store.requests import Values

#: Models, nodes and keys; a day has all of them.
ROUTES, NODES, KEYS = 12, 10, 20
#: Latencies that are drawn from: more different ones than a sketch has buckets by far.
POOL = 200_000


class Maker:
    """Makes rows from a seed; the same seed makes the same rows."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._id = 0
        self._firsts = [round(self._dice.lognormvariate(-1.0, 0.8), 6) for _ in range(POOL)]
        self._paces = [round(self._dice.lognormvariate(-3.8, 0.5), 6) for _ in range(POOL)]
        self._kinds = list(self._make_kinds())

    def make(self, count: int, since: float, seconds: float) -> list[Values]:
        """So many rows that came in this span, in the order of their ends nearly."""
        dice = self._dice
        kinds = dice.choices(self._kinds, k=count)
        firsts, paces = dice.choices(self._firsts, k=count), dice.choices(self._paces, k=count)
        inputs, outputs = dice.choices(range(20, 4000), k=count), dice.choices(range(2, 900), k=count)
        rows = []
        for place, (head, tail, well) in enumerate(kinds):
            self._id += 1
            first, pace, output = firsts[place], paces[place], outputs[place]
            at = since + seconds * place / count
            queue = (0.000021, first / 7)[place % 8 == 0]
            total = first + pace * output
            numbers = (inputs[place], output, (-1, inputs[place] // 2)[place % 3 == 0], 4 * inputs[place], 60 * output)
            parts = (-1.0, -1.0, (0.0, first * 0.9, pace * output, 0.0, 0), (-1.0, -1.0, -1.0, 0.0, -1))
            latencies = (at, queue, first, total, pace, *parts[:2], *parts[3 - well])
            rows.append((self._id, *head, *numbers, *tail, *latencies))
        return rows

    def _make_kinds(self) -> Iterator[tuple[tuple[object, ...], tuple[object, ...], bool]]:
        """What goes together: nine of ten went well, and each route is served by all nodes."""
        for number in range(ROUTES * NODES * 10):
            route, node = f"model-{number % ROUTES}:8b", f"gpu{number // ROUTES % NODES:02}/ollama"
            well = number // (ROUTES * NODES) != 0
            key = f"key-{self._dice.randrange(KEYS)}"
            ended = ((503, "replica_cut"), (200, ""))[well]
            head = (key, "/v1/chat/completions", "openai", route, route, route, node, *ended, True, 0)
            yield head, ("name", f"sha256:{number % ROUTES:064x}", "gpu0", 0), well
