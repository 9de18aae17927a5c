"""A state folder in which something of everything happened."""

from __future__ import annotations

import time
from pathlib import Path

from keepwell.app.benching.kept import keep
from keepwell.app.hub.opening import open_requests
from keepwell.app.lessons import incidents
from keepwell.app.operation import Caller
from keepwell.core.finding import Status
from keepwell.core.run import Item, Run
from keepwell.store.alert_state import AlertFile, AlertState, Explanation, Incident, save_alerts
from keepwell.store.journal import create_journal
from keepwell.store.requests import COLUMNS
from keepwell.store.smokes import KeptSmoke, SmokeRow, save_smoke
from keepwell.transport.clock import SystemClock
from tests.bench.made import make_result, make_row
from tests.slo.made import failed, row

RUN = "plan-20260101-000000-abcd"
LOG = "write /models/blobs: no space left on device\n"


async def make_state(folder: Path) -> str:
    """Fill it; gives the id of the incident that is in it."""
    now = time.time()
    _add_alert(folder, now)
    log = open_requests(folder)
    rows = [row(now - 300 + number, id=number + 1) for number in range(20)] + [failed(now - 10, id=99)]
    log.add([tuple(getattr(one, name) for name in COLUMNS) for one in rows])
    log.close()
    keep(folder, make_result([make_row(0.1 * number) for number in range(40)]), {})
    run = Run(id=RUN, kind="plan", asked_by="ada", created_at=now - 600, items=(Item(key="1"),))
    create_journal(folder, run, b"", SystemClock()).close()
    for name, status in (("1", "ok"), ("2", "critical")):
        answers = SmokeRow(check="smoke.api", subject="engine:gpu01/x", status=status, message="api")
        save_smoke(folder, KeptSmoke(id=name, at=now - 900, seconds=1.0, target="gpu01", rows=(answers,)))
    evidence = folder / "pull.log"
    evidence.write_text(LOG, encoding="utf-8")
    wish = incidents.Opening(what="the pull fails", evidence=str(evidence), bundle="", at="", level=1)
    report = await incidents.open_incident(Caller(state=folder), wish)
    return report.incident.id


def _add_alert(folder: Path, now: float) -> None:
    trouble = Incident(
        id="a1",
        root="x",
        check="engine.running",
        subject="engine:gpu01/x",
        message="it does not answer",
        began_at=now - 60,
        due_at=now - 30,
        worst=Status.CRITICAL,
        most=Status.CRITICAL,
        explanation=Explanation(issue="disk-full", title="A disk is full", confidence=0.9, commands=("df -h",)),
    )
    save_alerts(folder, AlertFile(state=AlertState(incidents={"a1": trouble})))
