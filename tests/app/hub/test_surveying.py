"""Looking for engines: at once, when a process that served is gone, and not more often than is worth it."""

from __future__ import annotations

from pathlib import Path

from keepwell.app.hub.duty import Hub
from keepwell.app.hub.surveying import LOOK_SECONDS, SILENT_SECONDS, Surveying
from keepwell.core.ref import engine, node
from keepwell.core.series import Batch, SeriesKey
from keepwell.plugins.place import ServingProcess, Site
from keepwell.testing.clock import FakeClock
from keepwell.testing.rooted import RootedNode
from tests.app.hub.made import make_hub


def looks(hub: Hub) -> float:
    track = hub.table.find(SeriesKey("hub.looks_total", str(node(hub.here))))
    assert track is not None
    assert isinstance(track.value, float)
    return track.value


def serving(hub: Hub, pid: int) -> Site:
    process = ServingProcess(pid=pid, argv=("x",), environment={}, user="root", uid=0, gid=0)
    return Site(ref=engine(hub.here, "gone"), engine="gone", url="http://127.0.0.1:1", process=process)


def make_quiet_hub(folder: Path) -> Hub:
    """On a node of its own where nothing else runs, and whose time stands still."""
    (folder / "node" / "proc" / "1").mkdir(parents=True)
    return make_hub(folder / "state", clock=FakeClock(), hands=RootedNode(folder / "node"))


async def test_it_looks_at_first_and_again_when_a_process_is_gone(tmp_path: Path) -> None:
    hub = make_quiet_hub(tmp_path)
    duty = Surveying()
    now = hub.wiring.clock.now()
    await duty.do(hub, now)
    assert looks(hub) == 1
    assert f"survey {hub.here}" in hub.board.sources()
    hub.sites.put(hub.here, [serving(hub, 1)])
    assert hub.sites.watched(hub.here) == {1: f"engine:{hub.here}/gone"}
    await duty.do(hub, now + 6)
    assert looks(hub) == 1
    hub.sites.put(hub.here, [serving(hub, 2**22 + 5)])  # no process has such a number
    await duty.do(hub, now + 400)
    assert looks(hub) == 2
    assert 2**22 + 5 not in hub.sites.watched(hub.here)
    await duty.do(hub, now + 2 * LOOK_SECONDS)
    assert looks(hub) == 3


async def test_it_looks_when_an_engine_tells_no_numbers_any_more(tmp_path: Path) -> None:
    hub = make_quiet_hub(tmp_path)
    duty = Surveying()
    now = hub.wiring.clock.now()
    await duty.do(hub, now)
    hub.sites.put(hub.here, [serving(hub, 1)])
    key = SeriesKey("engine.asked_seconds", f"engine:{hub.here}/gone")
    hub.table.put(Batch(node=hub.here, at=now + 400, readings=((key, 0.01),)))
    await duty.do(hub, now + 400 + SILENT_SECONDS - 1)
    assert looks(hub) == 1
    await duty.do(hub, now + 400 + SILENT_SECONDS + 1)
    assert looks(hub) == 2
