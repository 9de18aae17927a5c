#!/usr/bin/env python3
"""How many messages people get of one outage, and what deciding that costs. A made outage, a made clock.

    python benchmarks/alerts.py [--alertmanager PROGRAM] [--node-at SECONDS] [--json FILE]

One node is lost, and with it fifty things that are on it or need it; they are missed one after another before the node
itself is, and come back one after another after it. In the same run a real Alertmanager gets the same outage, ten times
as fast with all its times shortened as much: grouped by name of the alert and node, the same with a rule that
the node's alert silences the others' (which somebody has to write), and ungrouped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.support import free_port

from keepwell.alerts.decide import decide
from keepwell.alerts.inputs import Inputs, Pin
from keepwell.alerts.outbox import Outlet, write_letters
from keepwell.alerts.tree import Tree
from keepwell.core.finding import Finding, Status
from keepwell.core.ref import Ref
from keepwell.store.alert_state import AlertFile, AlertState, parse_alerts, render_alerts
from keepwell.testing.receivers import Inbox, http_receiver

START = 1_767_225_600.0
STEP = 5.0
#: Engines on the node, and services elsewhere that need one of them.
ENGINES, SERVICES = 40, 10
#: Seconds of the outage: the first engine is missed at 0, another each half second, the node's own finding comes at 35
#: unless told otherwise, a little later than an Alertmanager usually waits; it is back at 600, its engines one each
#: five seconds after that; all is watched until the end.
NODE_AT, BACK_AT, EACH_MISSED, EACH_BACK, END_AT = 35.0, 600.0, 0.5, 5.0, 1200.0
#: How much faster the peers' time goes.
FASTER = 10.0


def find_wrong(at: float, node_at: float) -> list[tuple[str, Ref]]:
    """What is wrong so many seconds into the outage: checks and subjects."""
    found: list[tuple[str, Ref]] = []
    if node_at <= at < BACK_AT:
        found.append(("node.reached", Ref.parse("node:gpu01")))
    for place in range(ENGINES + SERVICES):
        if place * EACH_MISSED <= at < BACK_AT + place * EACH_BACK:
            name = f"engine:gpu01/ollama:{20000 + place}"
            if place >= ENGINES:
                name = f"service:web/app{place}"
            found.append((f"{name.partition(':')[0]}.responding", Ref.parse(name)))
    return found


@dataclass
class Count:
    """What one side did: messages of what is wrong, of what is over, and of both in one."""

    name: str
    messages: int = 0
    recoveries: int = 0
    both: int = 0
    first_seconds: float = 0.0


def count_keepwell(node_at: float) -> Count:
    """Through the decision and the outbox, the state written down and read again at every step."""
    needs = {f"service:web/app{place}": ("engine:gpu01/ollama:20000",) for place in range(ENGINES, ENGINES + SERVICES)}
    tree, file, at = Tree(needs), AlertFile(), 0.0
    count = Count("keepwell")
    while at < END_AT:
        found = tuple(_finding(check, ref) for check, ref in find_wrong(at, node_at))
        inputs = Inputs(now=START + at, pins=(Pin("all", START + at, found),), tree=tree)
        decision = decide(file.state, inputs)
        outlets = [Outlet(name="phone")]
        file = write_letters(AlertFile(state=decision.state), decision.tellings, outlets, START + at, None)
        for letter in file.letters:
            count.first_seconds = count.first_seconds or at
            count.messages += not letter.recovery
            count.recoveries += letter.recovery
        file = parse_alerts(render_alerts(file))
        at += STEP
    return count


def _finding(check: str, ref: Ref) -> Finding:
    return Finding(check=check, subject=ref, status=Status.CRITICAL, message=f"{ref} does not answer")


#: Alertmanager's usual times, as much shorter as its time goes faster here: 30 s, 5 min, 4 h.
_TIMES = (
    f"  group_wait: {30 / FASTER:g}s\n  group_interval: {300 / FASTER:g}s\n  repeat_interval: {14400 / FASTER:g}s\n"
)
_INHIBIT = """inhibit_rules:
  - source_matchers: ['alertname = "node.reached"']
    target_matchers: ['alertname != "node.reached"']
    equal: [node]
"""
SETTINGS = {
    "Alertmanager, grouped by alertname and node": ("['alertname', 'node']", ""),
    "Alertmanager, the same with an inhibit rule": ("['alertname', 'node']", _INHIBIT),
    "Alertmanager, ungrouped ('...')": ("['...']", ""),
}


def count_peers(program: str, node_at: float) -> list[Count]:
    """All three at once, each told every second what fires and what is over, as Prometheus does."""
    with ExitStack() as stack:
        places = [stack.enter_context(_alertmanager(program, *one)) for one in SETTINGS.values()]
        began = time.time()
        before: set[tuple[str, Ref]] = set()
        while (at := (time.time() - began) * FASTER) < END_AT + 600:
            now = set(find_wrong(at, node_at))
            body = _alerts(now, before - now)
            for port, _ in places:
                _post(port, body)
            before = now
            time.sleep(0.5)
        return [_count(name, inbox) for name, (_, inbox) in zip(SETTINGS, places, strict=True)]


def _alerts(firing: set[tuple[str, Ref]], over: set[tuple[str, Ref]]) -> bytes:
    rows = []
    ends = {True: time.time() + 60, False: time.time()}
    for check, ref in sorted(firing | over, key=str):
        node = ref.node.replace("web", "gpu01")  # as if the service's alert were labelled with what it needs
        end = datetime.fromtimestamp(ends[(check, ref) in firing], UTC).isoformat()
        rows.append({"labels": {"alertname": check, "subject": str(ref), "node": node}, "endsAt": end})
    return json.dumps(rows).encode()


def _post(port: int, body: bytes) -> None:
    url = f"http://127.0.0.1:{port}/api/v2/alerts"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10):
        pass


def _count(name: str, inbox: Inbox) -> Count:
    """A notification that names alerts which fire and ones that are over is both."""
    count = Count(name)
    for one in inbox.messages:
        alerts = one.said["alerts"]
        assert isinstance(alerts, list)
        kinds = {row["status"] for row in alerts}
        count.messages += kinds == {"firing"}
        count.recoveries += kinds == {"resolved"}
        count.both += len(kinds) == 2
    return count


@contextmanager
def _alertmanager(program: str, group: str, rules: str) -> Iterator[tuple[int, Inbox]]:
    with tempfile.TemporaryDirectory() as folder, http_receiver() as inbox:
        path = Path(folder) / "alertmanager.yml"
        hook = f"receivers:\n  - name: hook\n    webhook_configs: [{{url: 'http://127.0.0.1:{inbox.port}/hook'}}]\n"
        path.write_text(f"route:\n  receiver: hook\n  group_by: {group}\n{_TIMES}{hook}{rules}")
        port = free_port()
        listen = [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
        command = [program, f"--config.file={path}", f"--storage.path={folder}/data", *listen]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            try:
                _wait(port)
                yield port, inbox
            finally:
                child.terminate()


def _wait(port: int) -> None:
    """Until it answers; OSError after twenty seconds."""
    deadline = time.monotonic() + 20
    while True:
        try:
            _post(port, b"[]")
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            threading.Event().wait(0.1)


def measure_costs(sizes: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Milliseconds of a decision at which nothing is new, and of one at which all of it is, by number of conditions."""
    costs = {}
    for size in sizes:
        found = tuple(_finding("engine.responding", Ref.parse(f"engine:n{one % 100}/x:{one}")) for one in range(size))
        state, now, worst, tree = AlertState(), START, 0.0, Tree()
        for _ in range(12):
            now += STEP
            began = time.process_time()
            state = decide(state, Inputs(now=now, pins=(Pin("all", now, found),), tree=tree)).state
            worst = max(worst, time.process_time() - began)
        steady = []
        for _ in range(5):
            now += STEP
            began = time.process_time()
            state = decide(state, Inputs(now=now, pins=(Pin("all", now, found),), tree=tree)).state
            steady.append(time.process_time() - began)
        costs[size] = 1000 * sorted(steady)[2], 1000 * worst
    return costs


def main() -> None:
    """Print a table."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--alertmanager", default="", help="the program; without it the peers are left out")
    asked.add_argument("--node-at", type=float, default=NODE_AT, help="when the node is missed, after its first engine")
    asked.add_argument("--json", type=Path)
    given = asked.parse_args()
    counts = [count_keepwell(given.node_at)]
    if given.alertmanager:
        counts += count_peers(given.alertmanager, given.node_at)
    print(f"One node and {ENGINES + SERVICES} dependents down:")
    print(f"{'':46} {'alerts':>7} {'over':>5} {'both':>5}")
    for one in counts:
        print(f"{one.name:46} {one.messages:7} {one.recoveries:5} {one.both:5}")
    print(f"keepwell's message came {counts[0].first_seconds:.0f} s after the first engine was missed")
    costs = measure_costs((50, 500, 5000))
    for size, (steady, worst) in costs.items():
        share = steady / 1000 / STEP
        print(f"{size:5} conditions: {steady:7.2f} ms a decision ({share:.2%} of a core), {worst:7.1f} ms all at once")
    if given.json:
        rows = [vars(one) for one in counts]
        given.json.write_text(json.dumps({"outage": rows, "milliseconds": costs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
