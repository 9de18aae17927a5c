"""Runs in a copy of the package to which one plug-in of each kind was added, and plays the whole loop with them."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import cast

from keepwell.app.hub.outlet import Outlet
from keepwell.config import parse_config
from keepwell.conform.actions import perform
from keepwell.conform.look import prepare
from keepwell.conform.plan import find_repairs
from keepwell.core.observation import Seen
from keepwell.core.series import Batch, SeriesKey
from keepwell.core.values import row_of, text_of
from keepwell.diagnose.catalogue import load_catalogue
from keepwell.diagnose.diagnosis import Text, diagnose
from keepwell.metrics import declared
from keepwell.plugins.registry import load, names
from keepwell.plugins.services import ServiceWish
from keepwell.plugins.sink import Message, Sink
from keepwell.survey.pasted import look_at_text
from keepwell.survey.survey import survey
from keepwell.telemetry.table import Table
from keepwell.testing.clock import FakeClock
from keepwell.testing.node import RecordedNode
from keepwell.transport.base import Reply


async def play() -> dict[str, object]:
    """What came of it, as plain values."""
    node = RecordedNode()
    node.files.put("/drill/weather", b"storm\n")
    node.reply("GET", "http://127.0.0.1:7777/drill", Reply(status=200, body=b"drill 1.0"))
    clock = FakeClock()
    catalogue = load_catalogue()
    first = await survey(node, clock, level=1)
    found = diagnose(first.seen, first.findings, (), catalogue)
    plan = await prepare(find_repairs(first.findings, found.hypotheses)[0], first.seen, node, clock)
    assert plan is not None
    for change in plan.changes:
        await perform(change.do, node)
    again = await survey(node, clock, level=1)
    node.reply("GET", "http://127.0.0.1:7778/panel", Reply(status=200, body=b"drill panel 1.5"))
    panel = ServiceWish(name="panel", kind="drillpanel", url="http://127.0.0.1:7778")
    wider = await survey(node, clock, (panel,), level=2)
    told = diagnose(Seen(), (), (Text(name="t", chunks=[b"a storm over the house\n"]),), catalogue)
    pasted = look_at_text("What I see:\nweather: storm\n").findings
    return {
        "pasted": [(one.check, one.facts["lines"]) for one in pasted if one.bad],
        "engines": [site.engine for site in first.sites],
        "cause": found.hypotheses[0].issue,
        "fix": [list(command.argv) for command in found.hypotheses[0].fix.commands] if found.hypotheses[0].fix else [],
        "told": told.hypotheses[0].issue,
        "bad before": [one.check for one in first.findings if one.bad],
        "bad after": [one.check for one in again.findings if one.bad],
        "services": [
            f"{text_of(row_of(one.value), 'title')} {wider.seen.value(one.subject, 'service.version')}"
            for one in wider.seen.named("service.site")
        ],
        "sent": await send(node),
        "declared": "drill.weather" in declared(),
        "devices": "drillcard" in names("devices"),
        "problems": [str(one) for one in catalogue.problems],
    }


async def send(node: RecordedNode) -> list[object]:
    """A number leaves through the added sink, as keepwell.toml asks for it: messages taken, what is wrong, and the
    message.
    """
    text = b'[[sink]]\nname = "one"\nkind = "drilllines"\nurl = "http://127.0.0.1:7779"\n'
    (entry,) = parse_config(text, path=Path("keepwell.toml"), kinds={"sink": set(names("sinks"))}).sinks
    node.reply("POST", "http://127.0.0.1:7779/lines", Reply(status=200))
    table = Table()
    batch = Batch(node="gpu01", at=1.0, readings=[(SeriesKey("device.power_watts", "device:gpu01/0"), 71.0)])
    table.put(batch)
    with tempfile.TemporaryDirectory() as folder:
        outlet = Outlet(entry, Path(folder))
        await outlet.send(table, node, 2.0)
    message = cast(Sink, load("sinks", "drilllines")).render([batch])
    return [outlet.taken, outlet.problem, (message or Message(body=b"")).body.decode()]


print(json.dumps(asyncio.run(play())))
